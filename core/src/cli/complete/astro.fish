# Completes astro in fish. It asks the astro that is typed each time, so it holds no path and no command, and never has
# to be written again.
function __astro_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l astro (string replace --regex '^~/' "$HOME/" -- $words[1])
    if not string match --quiet '*/*' -- $astro; or not test -x $astro
        set astro astro
    end
    set -lx ASTRO_COMPLETE fish
    set -l answer (command $astro -- $words "$current" 2>/dev/null)
    set -l head (string split ' ' -- $answer[1])
    switch "$head[1]"
        case files
            # The part of the word that is no part of the path: `--token-file=`.
            set -l before (string sub --length $head[2] -- "$current")
            set -l path (string sub --start (math $head[2] + 1) -- "$current")
            # fish completes a path for any command that it knows nothing of.
            for found in (complete --do-complete "'' $path")
                printf '%s%s\n' $before $found
            end
        case values
            set --erase answer[1]
            test (count $answer) -gt 0; and printf '%s\n' $answer
    end
end
complete --command astro --no-files --keep-order --arguments '(__astro_complete)'
