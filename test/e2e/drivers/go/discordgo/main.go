// A conformance driver: discordgo, an ordinary session that logs in to a test server (docs/testing-your-bot.md).
package main

import (
	"errors"
	"os"

	"github.com/bwmarrin/discordgo"
	"parley.test/drivers/lines"
)

var restURL = os.Getenv("PARLEY_REST")

// Points discordgo at a test server: its addresses are variables, each made from the first one when the program starts.
func init() {
	api := restURL + "/v9/"
	discordgo.EndpointGateway, discordgo.EndpointGuilds = api+"gateway", api+"guilds/"
	discordgo.EndpointChannels, discordgo.EndpointUsers = api+"channels/", api+"users/"
}

var session *discordgo.Session

func login(c lines.Command) (lines.Fields, error) {
	var err error
	if session, err = discordgo.New("Bot " + c.Token); err != nil {
		return nil, err
	}
	session.Identify.Intents = discordgo.IntentsGuilds | discordgo.IntentsGuildVoiceStates
	ready := make(chan struct{})
	// The guild arrives after Ready.
	session.AddHandlerOnce(func(*discordgo.Session, *discordgo.GuildCreate) { close(ready) })
	if err = session.Open(); err != nil {
		return nil, err
	}
	<-ready
	return lines.Fields{"user_id": session.State.User.ID}, nil
}

func join(c lines.Command) (lines.Fields, error) {
	_, err := session.ChannelVoiceJoin(c.GuildID, c.Channel(), false, false)
	return nil, err
}

// The voice connection of the only guild that a driver joins.
func connection() (*discordgo.VoiceConnection, error) {
	session.RLock()
	defer session.RUnlock()
	for _, voice := range session.VoiceConnections {
		return voice, nil
	}
	return nil, errors.New("no voice connection")
}

func play(c lines.Command) (lines.Fields, error) {
	voice, err := connection()
	if err != nil {
		return nil, err
	}
	if err = voice.Speaking(true); err != nil {
		return nil, err
	}
	for _, frame := range c.Frames {
		voice.OpusSend <- frame
	}
	return nil, voice.Speaking(false)
}

func leave(lines.Command) (lines.Fields, error) {
	voice, err := connection()
	if err != nil {
		return nil, err
	}
	return nil, voice.Disconnect()
}

func state(c lines.Command) (lines.Fields, error) {
	voice, err := session.State.VoiceState(c.GuildID, c.UserID)
	if errors.Is(err, discordgo.ErrStateNotFound) {
		return lines.State("", false, false), nil
	}
	if err != nil {
		return nil, err
	}
	return lines.State(voice.ChannelID, voice.Mute, voice.Suppress), nil
}

func moveMember(c lines.Command) (lines.Fields, error) {
	return nil, session.GuildMemberMove(c.GuildID, c.UserID, c.ChannelID)
}

func muteMember(c lines.Command) (lines.Fields, error) {
	return nil, session.GuildMemberMute(c.GuildID, c.UserID, c.On)
}

func denySpeak(c lines.Command) (lines.Fields, error) {
	if !c.On {
		return nil, session.ChannelPermissionDelete(c.Channel(), c.UserID)
	}
	member := discordgo.PermissionOverwriteTypeMember
	return nil, session.ChannelPermissionSet(c.Channel(), c.UserID, member, 0, discordgo.PermissionVoiceSpeak)
}

func main() {
	lines.Serve(map[string]func(lines.Command) (lines.Fields, error){
		"login": login, "join": join, "play": play, "leave": leave, "state": state,
		"move_member": moveMember, "mute_member": muteMember, "deny_speak": denySpeak,
	})
}
