// A conformance driver: serenity with songbird, an ordinary client that logs in to a test server (docs/testing-your-bot.md).
use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use serenity::all::{
    Cache, ChannelId, ClientBuilder, Context, EditMember, EventHandler, GatewayIntents, GuildId, Http, HttpBuilder,
    PermissionOverwrite, PermissionOverwriteType, Permissions, UserId,
};
use songbird::{Event, EventContext, EventHandler as VoiceEventHandler, SerenityInit, Songbird, TrackEvent};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

type Answer = Result<Value, Box<dyn Error + Send + Sync>>;

const JOIN: Duration = Duration::from_secs(15);

fn tell(event: &str, mut message: Value) {
    message["event"] = json!(event);
    println!("{message}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn id(value: &Value) -> u64 {
    text(value).parse().unwrap_or(1)
}

/// The cache is complete when the guilds have arrived.
struct Ready(Mutex<Option<oneshot::Sender<UserId>>>);

#[async_trait]
impl EventHandler for Ready {
    async fn cache_ready(&self, context: Context, _: Vec<GuildId>) {
        let user = context.cache.current_user().id;
        if let Some(ready) = self.0.lock().await.take() {
            let _ = ready.send(user);
        }
    }
}

/// Tells when a track has ended.
struct Ended(mpsc::Sender<()>);

#[async_trait]
impl VoiceEventHandler for Ended {
    async fn act(&self, _: &EventContext<'_>) -> Option<Event> {
        let _ = self.0.send(()).await;
        None
    }
}

/// Frames as a file in the format DCA, of which songbird sends each frame unchanged.
fn dca(frames: &[Value]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let opus = json!({ "mode": "voip", "sample_rate": 48000, "frame_size": 960, "vbr": true, "channels": 2 });
    let tool = json!({ "name": "bot", "version": "0" });
    let metadata = json!({ "dca": { "version": 1, "tool": tool }, "opus": opus }).to_string();
    let mut file = b"DCA1".to_vec();
    file.extend(u32::try_from(metadata.len())?.to_le_bytes());
    file.extend(metadata.as_bytes());
    for frame in frames {
        let frame = BASE64.decode(text(frame))?;
        file.extend(i16::try_from(frame.len())?.to_le_bytes());
        file.extend(frame);
    }
    Ok(file)
}

struct Bot {
    http: Arc<Http>,
    cache: Arc<Cache>,
    voice: Arc<Songbird>,
    guild: Mutex<GuildId>,
}

impl Bot {
    async fn login(token: &str) -> Result<(Self, UserId), Box<dyn Error + Send + Sync>> {
        let rest = env::var("PARLEY_REST")?;
        let http = HttpBuilder::new(token).proxy(rest.trim_end_matches("/api")).ratelimiter_disabled(true).build();
        let intents = GatewayIntents::GUILDS | GatewayIntents::GUILD_VOICE_STATES;
        let voice = Songbird::serenity();
        let (sender, ready) = oneshot::channel();
        let mut client = ClientBuilder::new_with_http(http, intents)
            .event_handler(Ready(Mutex::new(Some(sender))))
            .register_songbird_with(voice.clone())
            .await?;
        let (http, cache) = (client.http.clone(), client.cache.clone());
        let run = tokio::spawn(async move { client.start().await });
        let user = tokio::select! {
            user = ready => user?,
            ended = run => return Err(format!("the client ended: {:?}", ended?).into()),
        };
        Ok((Self { http, cache, voice, guild: Mutex::new(GuildId::new(1)) }, user))
    }

    async fn take(&self, name: &str, command: &Value) -> Answer {
        match name {
            "join" => {
                let guild = GuildId::new(id(&command["guild_id"]));
                *self.guild.lock().await = guild;
                timeout(JOIN, self.voice.join(guild, ChannelId::new(id(&command["channel_id"])))).await??;
                Ok(json!({}))
            }
            "play" => self.play(command["frames"].as_array().ok_or("expected frames")?).await,
            "leave" => {
                self.voice.remove(*self.guild.lock().await).await?;
                Ok(json!({}))
            }
            "state" => Ok(self.state(command)),
            "move_member" => {
                let change = match command["channel_id"].is_null() {
                    true => EditMember::new().disconnect_member(),
                    false => EditMember::new().voice_channel(ChannelId::new(id(&command["channel_id"]))),
                };
                self.edit(command, change).await
            }
            "mute_member" => self.edit(command, EditMember::new().mute(command["on"] == true)).await,
            "deny_speak" => self.deny_speak(command).await,
            other => Err(format!("no command {other}").into()),
        }
    }

    async fn play(&self, frames: &[Value]) -> Answer {
        let call = self.voice.get(*self.guild.lock().await).ok_or("no voice connection")?;
        let track = call.lock().await.play_input(dca(frames)?.into());
        let (sender, mut ended) = mpsc::channel(1);
        track.add_event(Event::Track(TrackEvent::End), Ended(sender))?;
        ended.recv().await.ok_or("the track was dropped")?;
        Ok(json!({}))
    }

    fn state(&self, command: &Value) -> Value {
        let guild = self.cache.guild(GuildId::new(id(&command["guild_id"])));
        let found = guild.as_ref().and_then(|guild| guild.voice_states.get(&UserId::new(id(&command["user_id"]))));
        match found.and_then(|state| state.channel_id.map(|channel| (state, channel))) {
            Some((state, channel)) => {
                json!({ "channel_id": channel.to_string(), "mute": state.mute, "suppress": state.suppress })
            }
            None => json!({ "channel_id": null, "mute": false, "suppress": false }),
        }
    }

    async fn edit(&self, command: &Value, change: EditMember<'_>) -> Answer {
        let (guild, user) = (GuildId::new(id(&command["guild_id"])), UserId::new(id(&command["user_id"])));
        guild.edit_member(&self.http, user, change).await?;
        Ok(json!({}))
    }

    async fn deny_speak(&self, command: &Value) -> Answer {
        let channel = ChannelId::new(id(&command["channel_id"]));
        let kind = PermissionOverwriteType::Member(UserId::new(id(&command["user_id"])));
        if command["on"] == true {
            let deny = Permissions::SPEAK;
            channel.create_permission(&self.http, PermissionOverwrite { allow: Permissions::empty(), deny, kind }).await?;
        } else {
            channel.delete_permission(&self.http, kind).await?;
        }
        Ok(json!({}))
    }
}

async fn run(bot: Arc<Bot>, command: Value) {
    let name = text(&command["do"]);
    let event = match name {
        "join" => "joined",
        "play" => "played",
        "leave" => "left",
        "move_member" => "member_moved",
        "mute_member" => "member_muted",
        "deny_speak" => "permission_set",
        other => other,
    };
    match bot.take(name, &command).await {
        Ok(fields) => tell(event, fields),
        Err(error) => tell("failed", json!({ "do": name, "error": error.to_string() })),
    }
}

#[tokio::main]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("no other provider is installed");
    let mut bot = None;
    let mut lines = BufReader::new(stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(command) = serde_json::from_str::<Value>(&line) else { continue };
        match (&bot, text(&command["do"])) {
            (None, "login") => match Bot::login(text(&command["token"])).await {
                Ok((client, user)) => {
                    bot = Some(Arc::new(client));
                    tell("logged_in", json!({ "user_id": user.to_string() }));
                }
                Err(error) => tell("failed", json!({ "do": "login", "error": error.to_string() })),
            },
            (Some(bot), _) => drop(tokio::spawn(run(bot.clone(), command))),
            (None, name) => tell("failed", json!({ "do": name, "error": "expected login first" })),
        }
    }
}
