#!/bin/sh
# Hold the month so far against what was agreed on (check.yml). Cron mails what a job prints, and this one prints when somebody must act:
#
#   MAILTO=finops@example.com
#   TRUTO_API_TOKEN=…
#   15 7 * * *  /srv/finops/check.sh
#
# What is given after the name goes on to `truto-usage check`: --sandbox, --direct direct.toml, --period 2026-10.
set -u
cd "$(dirname "$0")" || exit 2

found=$("${TRUTO_USAGE:-truto-usage}" check check.yml --quiet "$@" 2>&1)
code=$?
case $code in
  0) exit 0 ;;
  1) echo 'Usage is beyond what was agreed on:' ;;
  2) echo 'Usage could not be judged:' ;;
  *) echo "The check itself failed ($code):" ;;
esac
printf '%s\n' "$found"
exit $code
