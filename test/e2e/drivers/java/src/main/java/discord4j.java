import discord4j.common.util.Snowflake;
import discord4j.core.DiscordClientBuilder;
import discord4j.core.GatewayDiscordClient;
import discord4j.core.object.ExtendedPermissionOverwrite;
import discord4j.core.object.PermissionOverwrite;
import discord4j.core.object.VoiceState;
import discord4j.core.object.entity.Member;
import discord4j.core.object.entity.channel.VoiceChannel;
import discord4j.core.retriever.EntityRetrievalStrategy;
import discord4j.gateway.intent.Intent;
import discord4j.gateway.intent.IntentSet;
import discord4j.rest.request.DefaultRouter;
import discord4j.rest.request.RouterOptions;
import discord4j.rest.util.Permission;
import discord4j.rest.util.PermissionSet;
import discord4j.voice.AudioProvider;
import discord4j.voice.VoiceConnection;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import reactor.core.publisher.Mono;

/** A conformance driver: Discord4J, an ordinary client that logs in to a test server (docs/testing-your-bot.md). */
final class Discord4j implements Client {
    private static final String restUrl = System.getenv("PARLEY_REST");
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    private final Frames frames = new Frames();
    private GatewayDiscordClient client;
    private VoiceConnection connection;

    public static void main(String[] args) throws Exception {
        Lines.serve(new Discord4j());
    }

    /** The token behind an id, as Discord's tokens are: the library reads the id from it. */
    private static String withId(String token) {
        long id = 1_500_000_000_000_000_000L + Integer.toUnsignedLong(token.hashCode());
        return Base64.getEncoder().withoutPadding().encodeToString(Long.toString(id).getBytes()) + "." + token;
    }

    @Override
    public String login(String token) {
        client = DiscordClientBuilder.create(withId(token))
                .setExtraOptions(o -> new RouterOptions(o.getToken(), o.getReactorResources(), o.getExchangeStrategies(),
                        o.getResponseTransformers(), o.getGlobalRateLimiter(), o.getRequestQueueFactory(), restUrl + "/v10"))
                .build(DefaultRouter::new)
                .gateway()
                .setEnabledIntents(IntentSet.of(Intent.GUILDS, Intent.GUILD_VOICE_STATES))
                .login()
                .block(DEADLINE);
        return client.getSelfId().asString();
    }

    private VoiceChannel channel(String channelId) {
        return client.getChannelById(Snowflake.of(channelId)).cast(VoiceChannel.class).block(DEADLINE);
    }

    private Member member(String guildId, String userId) {
        return client.getMemberById(Snowflake.of(guildId), Snowflake.of(userId)).block(DEADLINE);
    }

    /** The library does not move a connection to another channel (docs/found.md): the bot leaves first. */
    @Override
    public void join(String guildId, String channelId) {
        if (connection != null) leave();
        connection = channel(channelId).join().withProvider(frames).block(DEADLINE);
    }

    /** The frames of the last "play", and nothing after the last one. */
    private static final class Frames extends AudioProvider {
        private ArrayDeque<byte[]> left = new ArrayDeque<>();
        private CompletableFuture<Void> sent = new CompletableFuture<>();

        private synchronized CompletableFuture<Void> start(List<byte[]> list) {
            left = new ArrayDeque<>(list);
            sent = new CompletableFuture<>();
            return sent;
        }

        @Override
        public synchronized boolean provide() {
            byte[] frame = left.poll();
            if (frame == null) {
                sent.complete(null);
                return false;
            }
            getBuffer().put(frame).flip();
            return true;
        }
    }

    @Override
    public void play(List<byte[]> list) throws Exception {
        frames.start(list).get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
    }

    /**
     * Returns when the library has left and forgotten the connection. The result of `disconnect` is not waited for: it never comes if
     * the server has just closed the connection.
     */
    @Override
    public void leave() {
        Snowflake guildId = connection.getGuildId();
        connection.disconnect().subscribe(done -> {}, error -> {});
        Mono.defer(() -> client.getVoiceConnectionRegistry().getVoiceConnection(guildId).hasElement())
                .zipWith(Mono.defer(() -> voiceState(guildId, client.getSelfId()).hasElement()))
                .filter(known -> !known.getT1() && !known.getT2())
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(20)))
                .block(DEADLINE);
    }

    private Mono<VoiceState> voiceState(Snowflake guildId, Snowflake userId) {
        return client.withRetrievalStrategy(EntityRetrievalStrategy.STORE)
                .getVoiceStateById(guildId, userId)
                .filter(state -> state.getChannelId().isPresent());
    }

    @Override
    public State state(String guildId, String userId) {
        VoiceState state = voiceState(Snowflake.of(guildId), Snowflake.of(userId)).block(DEADLINE);
        if (state == null) return new State(null, false, false);
        return new State(state.getChannelId().get().asString(), state.isMuted(), state.isSuppressed());
    }

    @Override
    public void moveMember(String guildId, String userId, String channelId) {
        member(guildId, userId).edit().withNewVoiceChannelOrNull(channelId == null ? null : Snowflake.of(channelId)).block(DEADLINE);
    }

    @Override
    public void muteMember(String guildId, String userId, boolean on) {
        member(guildId, userId).edit().withMute(on).block(DEADLINE);
    }

    @Override
    public void denySpeak(String channelId, String userId, boolean on) {
        Snowflake id = Snowflake.of(userId);
        PermissionSet speak = PermissionSet.of(Permission.SPEAK);
        VoiceChannel channel = channel(channelId);
        if (on) channel.addMemberOverwrite(id, PermissionOverwrite.forMember(id, PermissionSet.none(), speak)).block(DEADLINE);
        else channel.getOverwriteForMember(id).map(ExtendedPermissionOverwrite::delete).orElseThrow().block(DEADLINE);
    }
}
