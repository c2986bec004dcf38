# fish completion for musterctl. What may follow, names of objects included, musterctl says itself.

function __musterctl_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (timeout 3 $words[1] __complete $words[2..-1] 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end

complete -c musterctl -f -a '(__musterctl_complete)'
