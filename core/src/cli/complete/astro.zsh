#compdef astro
# Completes astro in zsh. It asks the astro that is typed each time, so it holds no path and no command, and never has
# to be written again.
_astro() {
    local astro=${(Q)words[1]} current=${(Q)PREFIX}
    local -a answer head
    [[ $astro == \~/* ]] && astro=$HOME/${astro[3,-1]}
    [[ $astro == */* && -x $astro ]] || astro=astro
    [[ $compstate[quoting] == single ]] && current=$PREFIX
    answer=("${(@f)$(ASTRO_COMPLETE=zsh command $astro -- "${(@Q)words[1,CURRENT-1]}" "$current" 2>/dev/null)}")
    head=(${=answer[1]})
    answer[1]=()
    # The part of the word that is no part of the value: `--output=`.
    (( ${head[2]:-0} )) && compset -p $head[2]
    case $head[1] in
        files) _files ;;
        values) (( $#answer )) && _describe -V -t values value answer ;;
        *) return 1 ;;
    esac
}
# A file of fpath is the function's body the first time: that time has to complete, too.
if [[ $funcstack[1] == _astro ]]; then
    _astro "$@"
elif (( $+functions[compdef] )); then
    compdef _astro astro
else
    print -u2 'astro: load the completion system before this: autoload -Uz compinit && compinit'
fi
