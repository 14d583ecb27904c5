// A disgo bot without Discord. The test acts as its main gateway, with one JSON object per line on stdin and stdout, as
// described in ../python/lines.py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/voice"
	"github.com/disgoorg/snowflake/v2"
)

type fields = map[string]any

var writing sync.Mutex

func tell(event string, more fields) {
	writing.Lock()
	defer writing.Unlock()
	more["event"] = event
	_ = json.NewEncoder(os.Stdout).Encode(more)
}

type command struct {
	Do        string          `json:"do"`
	UserID    snowflake.ID    `json:"user_id"`
	GuildID   snowflake.ID    `json:"guild_id"`
	ChannelID snowflake.ID    `json:"channel_id"`
	Frames    [][]byte        `json:"frames"`
	T         string          `json:"t"`
	D         json.RawMessage `json:"d"`
}

// frames provides the frames that the bot sends, and nothing after the last one.
type frames struct {
	mutex sync.Mutex
	left  [][]byte
	done  func()
}

func (f *frames) say(more [][]byte, done func()) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.left, f.done = more, done
}

func (f *frames) ProvideOpusFrame() ([]byte, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.left) == 0 {
		if f.done != nil {
			go f.done()
			f.done = nil
		}
		return nil, io.EOF
	}
	frame := f.left[0]
	f.left = f.left[1:]
	return frame, nil
}

func (f *frames) Close() {}

type ear struct{}

func (ear) ReceiveOpusFrame(userID snowflake.ID, packet *voice.Packet) error {
	tell("heard", fields{"user_id": userID.String(), "ssrc": packet.SSRC, "frame": packet.Opus})
	return nil
}
func (ear) CleanupUser(snowflake.ID) {}
func (ear) Close()                   {}

// A connection that the library has closed gets no further events, as from its voice manager.
type bot struct {
	mutex sync.Mutex
	conn  voice.Conn
	said  frames
}

func (b *bot) current() voice.Conn {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.conn
}

func (b *bot) replace(conn voice.Conn) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.conn = conn
}

func hear(data voice.GatewayMessageData) {
	if speaking, ok := data.(voice.GatewayMessageDataSpeaking); ok {
		tell("speaking", fields{"user_id": speaking.UserID, "speaking": speaking.Speaking})
	}
}

func (b *bot) join(c command) {
	conn := newConn(c.GuildID, c.UserID, func() {
		b.replace(nil)
		tell("left", fields{})
	})
	b.replace(conn)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := conn.Open(ctx, c.ChannelID, false, false); err != nil {
		tell("failed", fields{"do": "join", "error": err.Error()})
		return
	}
	conn.SetOpusFrameReceiver(ear{})
	_ = conn.SetSpeaking(ctx, voice.SpeakingFlagMicrophone)
	tell("joined", fields{"ssrc": conn.Gateway().SSRC()})
}

func (b *bot) dispatch(c command) {
	conn := b.current()
	if conn == nil {
		return
	}
	switch c.T {
	case "VOICE_STATE_UPDATE":
		var update gateway.EventVoiceStateUpdate
		if err := json.Unmarshal(c.D, &update.VoiceState); err == nil {
			conn.HandleVoiceStateUpdate(update)
		}
	case "VOICE_SERVER_UPDATE":
		var update gateway.EventVoiceServerUpdate
		if err := json.Unmarshal(c.D, &update); err == nil {
			conn.HandleVoiceServerUpdate(update)
		}
	}
}

func (b *bot) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if conn := b.current(); conn != nil {
		conn.Close(ctx)
	}
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	b := &bot{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			tell("failed", fields{"error": err.Error()})
			continue
		}
		switch c.Do {
		case "join":
			go b.join(c)
		case "dispatch":
			b.dispatch(c)
		case "play":
			b.said.say(c.Frames, func() { tell("played", fields{}) })
			if conn := b.current(); conn != nil {
				conn.SetOpusFrameProvider(&b.said)
			}
		case "leave":
			go b.leave()
		}
	}
}
