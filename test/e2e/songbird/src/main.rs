// A songbird driver without a main gateway. The test acts as its main gateway, with one JSON object per line on stdin and
// stdout, as described in ../../python/lines.py. The library restores a lost connection by itself, and reports no voice
// privacy code: "cut" and "encryption" do not exist here.
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::{engine::general_purpose::STANDARD as BASE64, Engine};
use serde_json::{json, Value};
use songbird::driver::DecodeMode;
use songbird::events::context_data::RtpData;
use songbird::id::{ChannelId, GuildId, UserId};
use songbird::packet::Packet;
use songbird::{Config, ConnectionInfo, CoreEvent, Driver, Event, EventContext, EventHandler, TrackEvent};
use tokio::io::{stdin, AsyncBufReadExt, BufReader};

fn tell(event: &str, mut message: Value) {
    message["event"] = json!(event);
    println!("{message}");
}

fn fail(what: &str, error: impl std::fmt::Display) {
    tell("failed", json!({ "do": what, "error": error.to_string() }));
}

/// The driver's events, as messages to the test.
#[derive(Clone, Default)]
struct Reporter {
    users: Arc<Mutex<HashMap<u32, String>>>,
}

impl Reporter {
    fn heard(&self, data: &RtpData) {
        let rtp = data.rtp();
        let (ssrc, payload) = (rtp.get_ssrc(), rtp.payload());
        let frame = &payload[data.payload_offset..payload.len() - data.payload_end_pad];
        let user = self.users.lock().unwrap().get(&ssrc).cloned();
        tell("heard", json!({ "user_id": user, "ssrc": ssrc, "frame": BASE64.encode(frame) }));
    }
}

#[async_trait]
impl EventHandler for Reporter {
    async fn act(&self, context: &EventContext<'_>) -> Option<Event> {
        match context {
            EventContext::SpeakingStateUpdate(update) => {
                let user = update.user_id?.to_string();
                self.users.lock().unwrap().insert(update.ssrc, user.clone());
                tell("speaking", json!({ "user_id": user, "ssrc": update.ssrc, "speaking": update.speaking.bits() }));
            }
            EventContext::RtpPacket(data) => self.heard(data),
            EventContext::ClientDisconnect(gone) => tell("gone", json!({ "user_id": gone.user_id.to_string() })),
            EventContext::DriverConnect(connected) => tell("joined", json!({ "ssrc": connected.ssrc })),
            EventContext::DriverReconnect(connected) => tell("resumed", json!({ "ssrc": connected.ssrc })),
            EventContext::DriverDisconnect(ended) => {
                tell("left", json!({ "reason": ended.reason.map(|reason| format!("{reason:?}")) }));
            }
            EventContext::Track(_) => tell("played", json!({})),
            _ => {}
        }
        None
    }
}

const EVENTS: [CoreEvent; 6] = [
    CoreEvent::SpeakingStateUpdate,
    CoreEvent::RtpPacket,
    CoreEvent::ClientDisconnect,
    CoreEvent::DriverConnect,
    CoreEvent::DriverReconnect,
    CoreEvent::DriverDisconnect,
];

/// Frames as a file in the format DCA, of which songbird sends each frame unchanged.
fn dca(frames: &[Value]) -> Result<Vec<u8>, String> {
    let opus = json!({ "mode": "voip", "sample_rate": 48000, "frame_size": 960, "vbr": true, "channels": 2 });
    let tool = json!({ "name": "bot", "version": "0" });
    let metadata = json!({ "dca": { "version": 1, "tool": tool }, "opus": opus }).to_string();
    let mut file = b"DCA1".to_vec();
    file.extend(u32::try_from(metadata.len()).map_err(|error| error.to_string())?.to_le_bytes());
    file.extend(metadata.as_bytes());
    for frame in frames {
        let frame = BASE64.decode(text(frame)?).map_err(|error| error.to_string())?;
        file.extend(i16::try_from(frame.len()).map_err(|error| error.to_string())?.to_le_bytes());
        file.extend(frame);
    }
    Ok(file)
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or(format!("expected a string, found {value}"))
}

fn id<T: From<NonZeroU64>>(value: &Value) -> Result<T, String> {
    let number: NonZeroU64 = text(value)?.parse().map_err(|_| format!("expected an id, found {value}"))?;
    Ok(number.into())
}

struct Bot {
    driver: Driver,
    /// The last "join".
    place: Value,
    session_id: String,
}

impl Bot {
    fn new() -> Self {
        let mut driver = Driver::new(Config::default().decode_mode(DecodeMode::Decrypt));
        let reporter = Reporter::default();
        for event in EVENTS {
            driver.add_global_event(event.into(), reporter.clone());
        }
        Self { driver, place: Value::Null, session_id: String::new() }
    }

    fn take(&mut self, command: Value) -> Result<(), String> {
        match text(&command["do"])? {
            "join" => {
                self.ask(&command, &command["channel_id"]);
                self.place = command;
            }
            "dispatch" => match text(&command["t"])? {
                "VOICE_STATE_UPDATE" => self.session_id = text(&command["d"]["session_id"])?.to_owned(),
                "VOICE_SERVER_UPDATE" => self.connect(&command["d"])?,
                _ => {}
            },
            "play" => {
                let frames = command["frames"].as_array().ok_or("expected frames")?;
                let track = self.driver.play_input(dca(frames)?.into());
                track.add_event(Event::Track(TrackEvent::End), Reporter::default()).map_err(|error| error.to_string())?;
            }
            "leave" => {
                self.driver.leave();
                self.ask(&self.place, &Value::Null);
            }
            other => return Err(format!("unknown command {other}")),
        }
        Ok(())
    }

    /// A voice state update (opcode 4) to the main gateway.
    fn ask(&self, place: &Value, channel_id: &Value) {
        tell("asks", json!({ "d": { "guild_id": place["guild_id"], "channel_id": channel_id } }));
    }

    fn connect(&mut self, server: &Value) -> Result<(), String> {
        let info = ConnectionInfo {
            channel_id: id::<ChannelId>(&self.place["channel_id"])?,
            endpoint: text(&server["endpoint"])?.to_owned(),
            guild_id: id::<GuildId>(&self.place["guild_id"])?,
            session_id: self.session_id.clone(),
            token: text(&server["token"])?.to_owned(),
            user_id: id::<UserId>(&self.place["user_id"])?,
        };
        let connected = self.driver.connect(info);
        tokio::spawn(async move {
            if let Err(error) = connected.await {
                fail("join", error);
            }
        });
        Ok(())
    }
}

#[tokio::main]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("no other provider is installed");
    let mut bot = Bot::new();
    let mut lines = BufReader::new(stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let taken = serde_json::from_str(&line).map_err(|error| error.to_string()).and_then(|command| bot.take(command));
        if let Err(error) = taken {
            fail("command", error);
        }
    }
}
