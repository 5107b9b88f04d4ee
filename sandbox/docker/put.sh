# Unpacks an archive that take.sh has made and prints a listing, in the same form, of what is there then.
#
#   put.sh ARCHIVE   stdin: ARCHIVE bytes of archive, and the paths to list, each ended by NUL; of a folder the
#                    names in it are listed too
#
# What was unpacked is compared with the archive, contents and all; where it differs, nothing is printed.
# The first letter of an entry is 0 for a path that was asked for and 1 for a name in a folder.

exec 2> /dev/null
head -c "$1" | tar -x -p -C / -f - || exit
head -c "$1" < /proc/self/fd/0 | tar -d -C / -f - > /dev/null || exit # opened anew, from its beginning
xargs -0 -r sh -c 'find "$@" -maxdepth 1 \( -type d -printf "%d%U %y %m\n%p\0" \
  -o -printf "%d%U %y %m %s\n%p\0" \)' sh
