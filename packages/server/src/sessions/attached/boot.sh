# Starts the wrapper ($1), below the reaper ($2) where the container has perl and nothing tells perl what to do.
if [ -z "${PERL5OPT-}${PERL5LIB-}${PERL5DB-}${PERL_UNICODE-}${PERL_BADLANG-}" ] && command -v perl >/dev/null 2>&1; then
  PERL_BADLANG=0 exec perl -e "$2" "$1"
fi
eval "$1"
