//go:build v8

// disgo 0.19: gateway version 8. Without the C++ library libdave it has no end-to-end encryption.
package main

import (
	"context"

	"github.com/disgoorg/disgo/voice"
	"github.com/disgoorg/snowflake/v2"
)

func newConn(guildID, userID snowflake.ID, left func()) voice.Conn {
	ask := func(_ context.Context, guildID snowflake.ID, channelID *snowflake.ID, _ bool, _ bool) error {
		tell("asks", fields{"d": fields{"guild_id": guildID, "channel_id": channelID}})
		return nil
	}
	onEvent := func(_ voice.Gateway, _ voice.Opcode, _ int, data voice.GatewayMessageData) { hear(data) }
	return voice.NewConn(guildID, userID, ask, left, voice.WithConnEventHandlerFunc(onEvent))
}
