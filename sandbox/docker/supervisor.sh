# The main process of a container: runs one command at a time as the guest, and ends all of it.
#
# Orders come on stdin, one line each; answers go to stdout, each behind the order's nonce, which no guest
# can know. What the guest prints goes to the same stdout, and so arrives before the answer.
#
#   run NONCE USER STDIN SCRIPT TEXT   run TEXT by the guest's sh; STDIN and SCRIPT count bytes that follow
#                                      the line: its stdin, and a script to run in place of an empty TEXT
#   term                               ask everything that runs to end
#   kill NONCE                         end everything that runs, at once
#
# It is root's where setpriv can seal the guest off from it ("sealed"), else the guest's own ("plain"). Only
# builtins are used between orders: they work when the guest has used up all processes.

exec 2> /dev/null
umask 022
guest=$1
spool=/run/mangabey

if [ "$guest" = none ]; then
  mode=plain
elif setpriv --reuid="$guest" --regid="$guest" --clear-groups --bounding-set=-all true; then
  mode=sealed
else
  mode=unsealed
fi
if setsid true; then session=setsid; else session=; fi

take() {
  [ "$1" -lt 65536 ] || dd bs=65536 count=$(($1 / 65536)) iflag=fullblock
  [ $(($1 % 65536)) -eq 0 ] || dd bs=$(($1 % 65536)) count=1 iflag=fullblock
}

# how often the kernel ended a process here for want of memory
count_kills() {
  kills=0
  for counter in /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events; do
    [ -r "$counter" ] || continue
    while read -r name value; do
      [ "$name" = oom_kill ] && kills=$value
    done < "$counter"
  done
}

seal() {
  case $mode/$user in
    sealed/root) exec $session setpriv --inh-caps=-all --bounding-set=-all "$@" ;;
    sealed/*) exec $session setpriv --reuid="$guest" --regid="$guest" --clear-groups --inh-caps=-all \
      --bounding-set=-all "$@" ;;
    *) exec $session "$@" ;;
  esac
}

run() {
  trap : TERM
  (seal /bin/sh -c "$text") < "$input" 2>&1
  code=$?
  count_kills
  set -- /proc/[0-9]*
  echo "$nonce $code $kills $(($# - own))"
}

set -- /proc/[0-9]*
own=$(($# + 1))
echo "ready $mode"

while IFS= read -r order; do
  verb=${order%% *}
  rest=${order#* }
  case $verb in
    run)
      nonce=${rest%% *} rest=${rest#* }
      user=${rest%% *} rest=${rest#* }
      stdin=${rest%% *} rest=${rest#* }
      script=${rest%% *} text=${rest#* }
      wait
      input=/dev/null
      if [ "$stdin" -gt 0 ]; then
        input=$spool/stdin
        take "$stdin" > "$input"
      fi
      if [ "$script" -gt 0 ]; then
        take "$script" > $spool/script
        text=". $spool/script"
      fi
      run &
      ;;
    term)
      kill -TERM -1
      ;;
    kill)
      rounds=0
      while [ $rounds -lt 20 ]; do
        kill -KILL -1
        wait
        set -- /proc/[0-9]*
        [ $# -lt "$own" ] && break
        rounds=$((rounds + 1))
      done
      count_kills
      echo "$rest 137 $kills $(($# - own + 1))"
      ;;
  esac
done
