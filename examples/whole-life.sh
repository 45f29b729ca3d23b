#!/usr/bin/env bash
# A session's whole life, from the shell: create, run, move, break, check, repair,
# back up, restore. Needs `weft` and `python`; leaves nothing behind.
set -euo pipefail

place=$(mktemp -d)
export WEFT_HTTP__SOCKET="$place/weft.sock"
daemon=
stop() {
    if [[ -n $daemon ]]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" || true
        daemon=
    fi
}
trap 'stop; rm -rf "$place"' EXIT
say() { printf '\n== %s\n' "$*"; }

serve() { # serve DATA: start a daemon, wait until it is ready
    (cd "$place" && exec weft serve --data "$1" --listen 127.0.0.1:0 --app flows:flows) &
    daemon=$!
    for _ in {1..100}; do
        if weft status >"$place/status" 2>&1; then return; fi
        kill -0 "$daemon" # it ended: so does this
        sleep 0.1
    done
    cat "$place/status" >&2
    return 1
}

cat >"$place/flows.py" <<'PYTHON'
from weft.actors import workflow

@workflow(version="1")
def count(context, config):
    for number in range(1, config["to"] + 1):
        yield {"counted": number}

flows = [count]
PYTHON

say "a daemon, two sessions, a thread"
serve "$place/data"
weft sessions create bob --user bob
weft threads create notes --session alice --create --workflow count

say "it runs: each state, then the result"
weft stream notes '{"to": 3}' --session alice
weft run notes '{"to": 5}' --session alice

say "it moves to bob, with all it has done"
weft threads mv notes --session alice --to bob
weft tree
weft threads history notes --session bob --limit 3

say "a refused operation changes nothing, and stands in the log"
if weft threads mv notes --session bob --to nobody; then exit 1; fi
weft ops --refused

say "a backup beside the daemon"
weft backup --data "$place/data" --to "$place/backup" --quiet
stop

say "somebody breaks the store, below all rules"
python - "$place/data/store" <<'PYTHON'
import sys

import lmdb

trees = lmdb.open(sys.argv[1], max_dbs=16)
sessions = trees.open_db(b"S", create=False)
with trees.begin(write=True) as transaction, transaction.cursor(sessions) as cursor:
    for key in cursor.iternext(values=False):
        if key.endswith(b"notes"):  # which session has a thread of this name
            cursor.delete()
            break
    else:
        sys.exit("there is no such entry")
trees.close()
PYTHON

say "the check finds it"
if weft check --data "$place/data"; then exit 1; fi

say "the repair would, and does, mend it"
weft repair --data "$place/data" --dry-run || true
weft repair --data "$place/data"
weft check --data "$place/data"
weft threads show notes --session bob --data "$place/data"

say "the backup has it, too"
weft restore --from "$place/backup" --data "$place/restored" --quiet
weft tree --data "$place/restored"
serve "$place/restored"
weft run notes '{"to": 2}' --session bob
weft sessions rm alice bob --yes
say "done"
