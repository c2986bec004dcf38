# bash completion for musterctl. What may follow, names of objects included, musterctl says itself.

_musterctl() {
  local line=${COMP_LINE:0:COMP_POINT} current='' word rest answer files=''
  local -a words
  read -ra words <<<"$line"
  case $line in
    *[[:space:]]) words+=('') ;;
  esac
  current=${words[-1]}
  # bash puts the candidate in place of what follows the last word break.
  rest=''
  case $current in
    *=*) rest=${current%%=*}= ;;
  esac
  COMPREPLY=()
  answer=$(timeout 3 "${words[0]}" __complete "${words[@]:1}" 2>/dev/null) || return 0
  while IFS=$'\t' read -r word _; do
    case $word in
      '') ;;
      :files) files=1 ;;
      *) COMPREPLY+=("${word#"$rest"}") ;;
    esac
  done <<<"$answer"
  if [ -n "$files" ]; then
    compopt -o filenames 2>/dev/null
    while read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "${current#"$rest"}")
  fi
  case ${COMPREPLY[*]} in
    */ | *=) compopt -o nospace 2>/dev/null ;;
  esac
  return 0
}

complete -F _musterctl musterctl
