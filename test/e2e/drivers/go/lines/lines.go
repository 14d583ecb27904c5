// Package lines is the line protocol of conformance drivers (docs/conformance.md), with the commands of ../../../clients.test.ts:
// one JSON object per line on stdin and stdout.
package lines

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"sync"
)

// Command has the fields of all commands; those that a command lacks are zero.
type Command struct {
	Do        string   `json:"do"`
	Token     string   `json:"token"`
	GuildID   string   `json:"guild_id"`
	ChannelID *string  `json:"channel_id"`
	UserID    string   `json:"user_id"`
	Frames    [][]byte `json:"frames"`
	On        bool     `json:"on"`
}

// Channel is the id of the command's channel, or empty.
func (c Command) Channel() string {
	if c.ChannelID == nil {
		return ""
	}
	return *c.ChannelID
}

// TokenWithID is the token behind an id, as Discord's tokens are, for libraries that read the id from it.
func (c Command) TokenWithID() string {
	name := fnv.New64a()
	_, _ = name.Write([]byte(c.Token))
	id := 1_500_000_000_000_000_000 + name.Sum64()>>16
	return base64.RawStdEncoding.EncodeToString([]byte(strconv.FormatUint(id, 10))) + "." + c.Token
}

// Fields of an event.
type Fields = map[string]any

// State is a user's voice state as the library's cache has it, for the event that answers "state".
func State(channelID string, mute, suppress bool) Fields {
	var channel any
	if channelID != "" {
		channel = channelID
	}
	return Fields{"channel_id": channel, "mute": mute, "suppress": suppress}
}

var events = map[string]string{
	"login": "logged_in", "join": "joined", "play": "played", "leave": "left", "state": "state",
	"move_member": "member_moved", "mute_member": "member_muted", "deny_speak": "permission_set",
}

var writing sync.Mutex

func tell(event string, fields Fields) {
	writing.Lock()
	defer writing.Unlock()
	if fields == nil {
		fields = Fields{}
	}
	fields["event"] = event
	_ = json.NewEncoder(os.Stdout).Encode(fields)
}

// Serve runs commands until the input ends, each beside the others. What a command returns is sent with the event that answers it.
func Serve(commands map[string]func(Command) (Fields, error)) {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<20)
	for input.Scan() {
		var c Command
		if err := json.Unmarshal(input.Bytes(), &c); err != nil {
			tell("failed", Fields{"error": err.Error()})
			continue
		}
		go run(c, commands[c.Do])
	}
}

// A panic ends the process, as it ends a bot.
func run(c Command, command func(Command) (Fields, error)) {
	if command == nil {
		tell("failed", Fields{"do": c.Do, "error": fmt.Sprintf("no command %q", c.Do)})
		return
	}
	fields, err := command(c)
	if err != nil {
		tell("failed", Fields{"do": c.Do, "error": err.Error()})
		return
	}
	tell(events[c.Do], fields)
}
