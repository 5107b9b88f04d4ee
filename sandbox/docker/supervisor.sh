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
#
# Starting a sealed guest costs more than most commands, so one is started ahead and waits for its order. The
# orders are numbered, so that one which was ended together with its guest is not the next guest's.

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

# a guest that could read the nonce of the order it is given ahead could answer it itself
if [ $mode = sealed ] && (umask 077 && mkfifo $spool/orders && : > $spool/nonce); then
  ahead=yes
  exec 3<> $spool/orders
else
  ahead=
fi
given=0

# each guest that is started ahead opens the output for itself: what it sets on its own end does not outlive it
if [ $mode = sealed ] && chown "$guest" /proc/self/fd/1; then
  renew='exec > /proc/self/fd/1 2>&1;'
else
  renew=
fi

# what is cut short would be followed by bytes that are no orders: then nothing is obeyed any more
take() {
  [ "$1" -lt 65536 ] || dd bs=65536 count=$(($1 / 65536)) iflag=fullblock || lost
  [ $(($1 % 65536)) -eq 0 ] || dd bs=$(($1 % 65536)) count=1 iflag=fullblock || lost
}

lost() {
  cat > /dev/null
  exit 1
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

# run commands for the guest, each in a shell that was started before its order
serve() {
  trap : TERM
  while :; do
    (user=agent && seal /bin/sh -c "$renew"'while read -r n && [ "${n:-0}" -le "$1" ]; do :; done; . "$2"' \
      sh "$given" $spool/script) <&3 3<&- 2>&1
    code=$?
    if ! read -r nonce < $spool/nonce; then # it ended before its order
      while read -r n <&3 && [ "${n:-0}" -le "$given" ]; do :; done
      read -r nonce < $spool/nonce
    fi
    : > $spool/nonce
    given=$((given + 1))
    count_kills
    set -- /proc/[0-9]*
    echo "$nonce $code $kills $(($# - own))"
    [ $# -le "$own" ] || return
  done
}

# run one command in a shell of its own
run() {
  trap : TERM
  (seal /bin/sh -c ". $spool/script") 3<&- 2>&1
  code=$?
  count_kills
  set -- /proc/[0-9]*
  echo "$nonce $code $kills $(($# - own))"
}

# end everything that runs, and count what would not end
end_all() {
  serving=
  rounds=0
  while [ $rounds -lt 20 ]; do
    kill -KILL -1
    wait
    set -- /proc/[0-9]*
    [ $# -lt "$own" ] && break
    rounds=$((rounds + 1))
  done
  left=$(($# - own + 1))
}

start_serving() {
  wait
  serve &
  serving=yes
}

set -- /proc/[0-9]*
own=$(($# + 1))
echo "ready $mode"
[ -z "$ahead" ] || start_serving

while IFS= read -r order; do
  verb=${order%% *}
  rest=${order#* }
  case $verb in
    run)
      nonce=${rest%% *} rest=${rest#* }
      user=${rest%% *} rest=${rest#* }
      stdin=${rest%% *} rest=${rest#* }
      script=${rest%% *} text=${rest#* }
      [ "$stdin" -eq 0 ] || take "$stdin" > $spool/stdin
      if [ "$script" -gt 0 ]; then
        take "$script" > $spool/script
      else
        printf '%s\n' "$text" > $spool/script
      fi
      if [ -z "$ahead" ] || [ "$user" = root ]; then
        [ -z "$serving" ] || end_all
        wait
        run &
      else
        [ -n "$serving" ] || start_serving
        given=$((given + 1))
        echo "$nonce" > $spool/nonce
        echo "$given" >&3
      fi
      ;;
    term)
      kill -TERM -1
      ;;
    kill)
      end_all
      count_kills
      echo "$rest 137 $kills $left"
      [ -z "$ahead" ] || start_serving
      ;;
  esac
done
