#!/usr/bin/env bash
# make-saves.sh [DIR]: plays a real game of freeciv, computers only, and keeps some of its autosaves in DIR
# (default: saves/freeciv beside this script). Then lets the game load each of them and play on.
# Needs Debian's freeciv-server (tried with 3.0.6). Nothing leaves this machine: loopback only, no metaserver.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(realpath -m "${1:-$here/saves/freeciv}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# freeciv refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid=games --regid=games --clear-groups); fi

# server DIR ARGS: runs the server in DIR, whose script is DIR/script.serv; says nothing unless it fails.
server() {
  local dir=$1
  shift
  if [ "$(id -u)" = 0 ]; then chown -R games:games "$dir" && chmod 755 "$work" "$dir"; fi
  (cd "$dir" && "${as[@]}" env HOME="$dir" timeout 60 /usr/games/freeciv-server \
    -b 127.0.0.1 -p "${PORT:-5566}" -A none -e -r script.serv -s "$dir" -l log "$@" </dev/null >output 2>&1) ||
    { cat "$dir/output" && exit 1; }
}

# play NAME LAST EVERY COMPRESSION: one game of two computers up to turn LAST, saved every EVERY turns.
play() {
  local dir=$work/$1
  mkdir -p "$dir" "$out/$1"
  cat >"$dir/script.serv" <<S
set aifill 2
set minplayers 0
set timeout -1
set mapsize XYSIZE
set xsize 24
set ysize 24
set mapseed 42
set gameseed 42
set autosaves TURN
set saveturns $3
set compresstype $4
set savename $1
set endturn $2
start
S
  server "$dir"
  rm -f "$out/$1"/*.sav*
  cp "$dir"/*-auto.sav* "$out/$1"
}

# plays_on FILE: the server ends with 0 even for a broken save, and plays on from one that was cut off, so a save
# counts as loaded only when the server logged no error reading it and wrote the next turn.
plays_on() {
  local dir turn
  turn=$(basename "$1" | sed -E 's/.*-T0*([0-9]+)-.*/\1/')
  dir=$work/load-$turn-${1##*.}
  mkdir -p "$dir"
  cp "$1" "$dir/in.sav${1##*.sav}"
  printf '%s\n' "set endturn $((turn + 1))" 'set saveturns 1' 'set autosaves TURN|GAMEOVER' 'set savename next' \
    'set compresstype PLAIN' start >"$dir/script.serv"
  server "$dir" -f "in.sav${1##*.sav}"
  if grep -aE '^[01]: ' "$dir/log" || ! grep -q "^turn=$((turn + 1))$" "$dir"/next-T*-auto.sav; then
    echo "does not load: $1"
    exit 1
  fi
  echo "plays on from turn $turn: $(basename "$1") ($(stat -c %s "$1") bytes)"
}

play islands 30 5 PLAIN
play packed 30 15 XZ
for save in "$out"/islands/*.sav "$out"/packed/*.sav.xz; do plays_on "$save"; done
