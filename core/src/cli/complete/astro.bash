# Completes astro in bash, from 3.2 on. It asks the astro that is typed each time, so it holds no path and no command,
# and never has to be written again.
_astro() {
    local astro=${COMP_WORDS[0]} answer line
    COMPREPLY=()
    [[ $astro == \~/* ]] && astro=$HOME/${astro:2}
    [[ $astro == */* && -x $astro ]] || astro=astro
    answer=$(ASTRO_COMPLETE=bash _ASTRO_BREAKS=$COMP_WORDBREAKS command "$astro" -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    case $answer in
    files*)
        # bash completes a path by itself, quotes and all; 3.2 has to be handed the names.
        if ! compopt -o default 2>/dev/null; then
            while IFS= read -r line; do
                [[ -n $line ]] && COMPREPLY+=("$line")
            done <<<"$(compgen -f -- "$2")"
        fi
        ;;
    values*)
        {
            IFS= read -r line
            while IFS= read -r line; do
                COMPREPLY+=("$line")
            done
        } <<<"$answer"
        ;;
    esac
}
complete -o nosort -F _astro astro 2>/dev/null || complete -F _astro astro
