#!/usr/bin/env bash
# The loop of the platform's examples: submit, poll status_url until COMPLETED, look at error, fetch response_url.
# Usage: queue_loop.sh BASE_URL KEY MODEL JSON_BODY        a body of "-" is read from the standard input
# Prints the URLs of the videos, one a line, and ends with 0. A request that failed, or was refused at submit: prints
# error_type and error (or the refusal) and ends with 1. Anything that does not follow the protocol: ends with 2.
# POLL_SECONDS is the pause between two polls (1), MAX_POLLS how many there may be (600).
set -euo pipefail

if [ "$#" -ne 4 ]; then
  echo "usage: queue_loop.sh BASE_URL KEY MODEL JSON_BODY" >&2
  exit 2
fi
base=$1 key=$2 model=$3 body=$4
if [ "$body" = "-" ]; then body=$(cat); fi

call() { # METHOD URL: sets $code and $answer; what stands on the standard input is sent with a POST
  local whole
  local -a options=(-sS --noproxy '*' -X "$1" -H "Authorization: Key $key" -w '\n%{http_code}')
  if [ "$1" = POST ]; then options+=(-H 'Content-Type: application/json' --data-binary @-); fi
  whole=$(curl "${options[@]}" "$2") || { echo "no answer from $2" >&2; exit 2; }
  code=${whole##*$'\n'}
  answer=${whole%$'\n'*}
}

field() { # FILTER: a field of $answer that must be there
  jq -er "$1" <<<"$answer" || { echo "no $1 in: $answer" >&2; exit 2; }
}

call POST "$base/model/v1/queue/$model" <<<"$body"
if [ "$code" != 200 ]; then
  jq -r '.detail // .error.message // .' <<<"$answer"
  exit 1
fi
status_url=$(field .status_url)
response_url=$(field .response_url)

status=none
for ((polls = 0; polls < ${MAX_POLLS:-600}; polls++)); do
  call GET "$status_url"
  if [ "$code" != 200 ]; then
    echo "status: $code $answer" >&2
    exit 2
  fi
  status=$(field .status)
  case $status in
    COMPLETED) break ;;
    IN_QUEUE | IN_PROGRESS) sleep "${POLL_SECONDS:-1}" ;;
    *)
      echo "unknown status $status" >&2
      exit 2
      ;;
  esac
done
if [ "$status" != COMPLETED ]; then
  echo "not over after $polls polls" >&2
  exit 2
fi

# COMPLETED only says that it is over.
if jq -e 'has("error")' <<<"$answer" >/dev/null; then
  jq -r '"\(.error_type): \(.error)"' <<<"$answer"
  exit 1
fi

call GET "$response_url"
if [ "$code" != 200 ]; then
  echo "response: $code $answer" >&2
  exit 2
fi
field '.outputs[].url'
