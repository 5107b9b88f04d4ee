# Prints every path below some places with what tells a change of it, each entry ended by NUL: facts, a newline, the
# path. The time of the last change, which no guest can set, tells a change of contents.
#
#   look.sh ROOT...
#
# The pause sets a change that comes at once apart from the one before it, also where clocks tick slowly.

exec 2> /dev/null
find "$@" -xdev \( -type d -printf '%y %m %U\n%p\0' -o -printf '%y %m %U %s %T@ %C@ %l\n%p\0' \) || exit
printf 'E\0'
sleep 0.02
