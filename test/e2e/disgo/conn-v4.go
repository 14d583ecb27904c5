//go:build !v8

// disgo 0.18: gateway version 4.
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
	conn := voice.NewConn(guildID, userID, ask, left)
	conn.SetEventHandlerFunc(func(_ voice.Opcode, data voice.GatewayMessageData) { hear(data) })
	return conn
}
