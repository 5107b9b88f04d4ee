# Prints what the guest has changed: a listing, then an archive of the files.
#
#   take.sh BORN BORN GUEST ROOT...   BORN: all that has changed since this file is newer; the first that is
#                                     there counts. GUEST: its user.
#
# The listing has an entry "M<owner> <kind> <mode> <size>\n<path>" for each changed path (without size for
# folders), "N<path>" for each path in a changed folder, and "E" at its end; each entry ends with NUL. Changed
# folders of others, such as /tmp, are in the listing and not in the archive.

exec 2> /dev/null
born=$1
[ -e "$born" ] || born=$2
guest=$3
shift 3
# a folder of our own: a name that could be guessed could be a link that the guest has left
folder=$(mktemp -d -p /dev/shm) || exit
trap 'rm -rf "$folder"' EXIT
listing=$folder/listing
find "$@" -xdev -path "$folder" -prune -o -cnewer "$born" \
  \( -type d -printf 'M%U %y %m\n%p\0' -o -printf 'M%U %y %m %s\n%p\0' \) \
  -type d -exec sh -c 'find "$@" -mindepth 1 -maxdepth 1 ! -path "$0" -printf "N%p\0"' "$folder" {} + \
  > "$listing" || exit
cat "$listing"
printf 'E\0'
sed -zn -e "/^M$guest /bours" -e '/^M[0-9]* d/d' -e ':ours' -e 's:^M[^\n]*\n/::p' "$listing" |
  tar -c -C / -f - --no-recursion --null -T -
