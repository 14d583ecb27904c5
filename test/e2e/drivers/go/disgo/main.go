// A conformance driver: disgo, an ordinary client that logs in to a test server (docs/testing-your-bot.md).
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/disgoorg/disgo"
	"github.com/disgoorg/disgo/bot"
	"github.com/disgoorg/disgo/cache"
	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/disgo/voice"
	"github.com/disgoorg/snowflake/v2"
	"parley.test/drivers/lines"
)

var restURL, gatewayURL = os.Getenv("PARLEY_REST"), os.Getenv("PARLEY_GATEWAY")
var client *bot.Client

func login(c lines.Command) (lines.Fields, error) {
	ready := make(chan struct{})
	var err error
	client, err = disgo.New(c.TokenWithID(),
		// These two lines point disgo at a test server.
		bot.WithRestClientConfigOpts(rest.WithURL(restURL+"/v10")),
		bot.WithGatewayConfigOpts(gateway.WithURL(gatewayURL)),
		bot.WithGatewayConfigOpts(gateway.WithIntents(gateway.IntentGuilds, gateway.IntentGuildVoiceStates)),
		bot.WithCacheConfigOpts(cache.WithCaches(cache.FlagVoiceStates)),
		bot.WithEventListenerFunc(func(*events.GuildsReady) { close(ready) }),
	)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err = client.OpenGateway(ctx); err != nil {
		return nil, err
	}
	<-ready
	return lines.Fields{"user_id": client.ID().String()}, nil
}

// Frames of one "play", and nothing after the last one.
type frames struct {
	mutex sync.Mutex
	left  [][]byte
	done  chan struct{}
}

func (f *frames) ProvideOpusFrame() ([]byte, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.left) == 0 {
		if f.done != nil {
			close(f.done)
			f.done = nil
		}
		return nil, io.EOF
	}
	frame := f.left[0]
	f.left = f.left[1:]
	return frame, nil
}

func (f *frames) Close() {}

// A connection does not follow a move (docs/found.md), so that a bot that moves leaves first.
func join(c lines.Command) (lines.Fields, error) {
	if conn, err := connection(); err == nil {
		conn.Close(context.Background())
	}
	// The voice state of the old connection must not reach the new one, which would read its missing channel.
	for state, ok := own(c.GuildID); ok && state.ChannelID != nil; state, ok = own(c.GuildID) {
		time.Sleep(10 * time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	return nil, client.VoiceManager.CreateConn(id(c.GuildID)).Open(ctx, id(c.Channel()), false, false)
}

// The voice connection of the only guild that a driver joins.
func connection() (voice.Conn, error) {
	for conn := range client.VoiceManager.Conns() {
		return conn, nil
	}
	return nil, errors.New("no voice connection")
}

func play(c lines.Command) (lines.Fields, error) {
	conn, err := connection()
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	conn.SetOpusFrameProvider(&frames{left: c.Frames, done: done})
	<-done
	return nil, nil
}

func leave(lines.Command) (lines.Fields, error) {
	conn, err := connection()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn.Close(ctx)
	return nil, nil
}

func own(guildID string) (discord.VoiceState, bool) {
	return client.Caches.VoiceState(id(guildID), client.ID())
}

func state(c lines.Command) (lines.Fields, error) {
	found, ok := client.Caches.VoiceState(id(c.GuildID), id(c.UserID))
	if !ok || found.ChannelID == nil {
		return lines.State("", false, false), nil
	}
	return lines.State(found.ChannelID.String(), found.GuildMute, found.Suppress), nil
}

func moveMember(c lines.Command) (lines.Fields, error) {
	// A channel of 0 disconnects.
	var channel snowflake.ID
	if c.ChannelID != nil {
		channel = id(*c.ChannelID)
	}
	_, err := client.Rest.UpdateMember(id(c.GuildID), id(c.UserID), discord.MemberUpdate{ChannelID: &channel})
	return nil, err
}

func muteMember(c lines.Command) (lines.Fields, error) {
	_, err := client.Rest.UpdateMember(id(c.GuildID), id(c.UserID), discord.MemberUpdate{Mute: &c.On})
	return nil, err
}

func denySpeak(c lines.Command) (lines.Fields, error) {
	if !c.On {
		return nil, client.Rest.DeletePermissionOverwrite(id(c.Channel()), id(c.UserID))
	}
	deny := discord.PermissionSpeak
	overwrite := discord.MemberPermissionOverwriteUpdate{Deny: &deny}
	return nil, client.Rest.UpdatePermissionOverwrite(id(c.Channel()), id(c.UserID), overwrite)
}

func id(text string) snowflake.ID {
	parsed, _ := snowflake.Parse(text)
	return parsed
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	lines.Serve(map[string]func(lines.Command) (lines.Fields, error){
		"login": login, "join": join, "play": play, "leave": leave, "state": state,
		"move_member": moveMember, "mute_member": muteMember, "deny_speak": denySpeak,
	})
}
