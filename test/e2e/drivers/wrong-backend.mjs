// A backend with mistakes, for the test of `parley conformance backend`: it sends its secret, reuses its first nonce, connects again in a
// loop, rounds ids, hands out the token of the channel, accepts any certificate, and crashes on text that is not JSON.
import { createHmac } from 'node:crypto'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

const { PARLEY_LVSP_URL: url, PARLEY_LVSP_SECRET: secret } = process.env
const PAUSE = 100
let nonce
let socket
let channelToken
let answered = () => {}

function connect() {
  socket = new WebSocket(`${url}?debug=${secret}`, { rejectUnauthorized: false })
  socket.on('error', () => {})
  socket.on('close', () => setTimeout(connect, PAUSE))
  socket.on('message', data => {
    const { op, d } = JSON.parse(data)
    if (op === 0) {
      nonce ??= d.nonce
      socket.send(JSON.stringify({ op: 1, d: { token: createHmac('sha256', secret).update(nonce).digest('hex') } }))
    }
    if (op !== 6) return
    if (d.type === 1) channelToken = d.data.token
    if (d.type === 4) answered(d.data)
  })
}

/** An INFO. */
const info = (type, ids) => socket.send(`{"op":6,"d":{"type":${type},"data":${JSON.stringify(ids)}}}`)

connect()
createInterface({ input: process.stdin }).on('line', line => {
  const { user_id, channel_id, guild_id } = JSON.parse(line)
  answered = ({ session_id, endpoint }) =>
    process.stdout.write(`${JSON.stringify({ event: 'joined', session_id, endpoint, token: channelToken })}\n`)
  info(0, { channel_id, guild_id })
  info(3, { user_id: Number(user_id), channel_id, guild_id })
})
