#!/bin/sh
# Generates the dialogue of the demo: packages/server/assets/speech/*.opus and speech.json. Only this script needs espeak-ng
# and opus-tools; the results are committed. Mono, 48 kHz, 20 ms frames, about 24 kbit/s.
set -eu

out="$(dirname "$0")/../packages/server/assets/speech"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
rm -f "$out"/*.opus "$out"/speech.json

# speaker|line of the speaker|text
cat > "$work/dialogue" <<'DIALOGUE'
ana|1|Hi Ben! Welcome to the parley.
ben|1|Hello Ana. You sound very close today.
ana|2|That is because I am. This voice server runs on your own machine.
ben|2|So nobody else carries our words? I like that.
ana|3|Nobody. Every packet is sealed, and it only goes round the table.
ben|3|And what do we have to agree on, at this parley?
ana|4|Only on the tea. The rest is just good company.
ben|4|Then put the kettle on. I am staying.
DIALOGUE

serial=0
separator='['
while IFS='|' read -r speaker line text; do
  case "$speaker" in
    ana) voice='en-us+f3' speed=158 pitch=58 ;;
    ben) voice='en-gb+m3' speed=150 pitch=38 ;;
  esac
  serial=$((serial + 1))
  file="$speaker-$line.opus"
  espeak-ng -v "$voice" -s "$speed" -p "$pitch" -a 140 -w "$work/line.wav" "$text"
  opusenc --quiet --speech --bitrate 24 --framesize 20 --downmix-mono --padding 0 --serial "$serial" \
    "$work/line.wav" "$out/$file"
  printf '%s\n  {\n    "file": "%s",\n    "speaker": "%s",\n    "text": "%s"\n  }' \
    "$separator" "$file" "$speaker" "$text" >> "$out/speech.json"
  separator=','
done < "$work/dialogue"
printf '\n]\n' >> "$out/speech.json"
