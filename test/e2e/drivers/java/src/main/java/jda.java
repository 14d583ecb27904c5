import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import net.dv8tion.jda.api.JDA;
import net.dv8tion.jda.api.JDABuilder;
import net.dv8tion.jda.api.Permission;
import net.dv8tion.jda.api.audio.AudioSendHandler;
import net.dv8tion.jda.api.audio.hooks.ConnectionListener;
import net.dv8tion.jda.api.audio.hooks.ConnectionStatus;
import net.dv8tion.jda.api.entities.Guild;
import net.dv8tion.jda.api.entities.GuildVoiceState;
import net.dv8tion.jda.api.entities.Member;
import net.dv8tion.jda.api.entities.UserSnowflake;
import net.dv8tion.jda.api.entities.channel.concrete.VoiceChannel;
import net.dv8tion.jda.api.requests.GatewayIntent;
import net.dv8tion.jda.api.requests.RestConfig;
import net.dv8tion.jda.api.utils.SessionControllerAdapter;


/** A conformance driver: JDA, an ordinary client that logs in to a test server (docs/testing-your-bot.md). */
final class Jda implements Client {
    private static final String restUrl = System.getenv("PARLEY_REST");
    private static final String gatewayUrl = System.getenv("PARLEY_GATEWAY");

    private JDA jda;
    private Guild guild;

    public static void main(String[] args) throws Exception {
        Lines.serve(new Jda());
    }

    @Override
    public String login(String token) throws InterruptedException {
        jda = JDABuilder.createDefault(token, List.of(GatewayIntent.GUILD_VOICE_STATES))
                .setRestConfig(new RestConfig().setBaseUrl(restUrl + "/v10/"))
                .setSessionController(new SessionControllerAdapter() {
                    @Override
                    public String getGateway() {
                        return gatewayUrl;
                    }
                })
                .build();
        jda.awaitReady();
        return jda.getSelfUser().getId();
    }

    @Override
    public void join(String guildId, String channelId) throws Exception {
        guild = jda.getGuildById(guildId);
        var audio = guild.getAudioManager();
        CompletableFuture<Void> connected = new CompletableFuture<>();
        audio.setConnectionListener(new ConnectionListener() {
            @Override
            public void onStatusChange(ConnectionStatus status) {
                if (status == ConnectionStatus.CONNECTED) connected.complete(null);
            }
        });
        audio.openAudioConnection(jda.getVoiceChannelById(channelId));
        connected.get(15, TimeUnit.SECONDS);
    }

    /** The frames of one "play", and nothing after the last one. */
    private static final class Frames implements AudioSendHandler {
        private final ArrayDeque<byte[]> left = new ArrayDeque<>();
        private final CompletableFuture<Void> sent = new CompletableFuture<>();

        @Override
        public synchronized boolean canProvide() {
            if (left.isEmpty()) sent.complete(null);
            return !left.isEmpty();
        }

        @Override
        public synchronized ByteBuffer provide20MsAudio() {
            return ByteBuffer.wrap(left.poll());
        }

        @Override
        public boolean isOpus() {
            return true;
        }
    }

    @Override
    public void play(List<byte[]> list) throws Exception {
        Frames frames = new Frames();
        frames.left.addAll(list);
        guild.getAudioManager().setSendingHandler(frames);
        frames.sent.get(15, TimeUnit.SECONDS);
    }

    @Override
    public void leave() {
        guild.getAudioManager().closeAudioConnection();
    }

    @Override
    public State state(String guildId, String userId) {
        Member member = jda.getGuildById(guildId).getMemberById(userId);
        GuildVoiceState state = member == null ? null : member.getVoiceState();
        if (state == null || state.getChannel() == null) return new State(null, false, false);
        return new State(state.getChannel().getId(), state.isGuildMuted(), state.isSuppressed());
    }

    @Override
    public void moveMember(String guildId, String userId, String channelId) {
        Member member = guild.getMemberById(userId);
        if (channelId == null) guild.kickVoiceMember(member).complete();
        else guild.moveVoiceMember(member, jda.getVoiceChannelById(channelId)).complete();
    }

    @Override
    public void muteMember(String guildId, String userId, boolean on) {
        guild.mute(UserSnowflake.fromId(userId), on).complete();
    }

    @Override
    public void denySpeak(String channelId, String userId, boolean on) {
        Member member = guild.getMemberById(userId);
        VoiceChannel channel = jda.getVoiceChannelById(channelId);
        if (on) channel.upsertPermissionOverride(member).deny(Permission.VOICE_SPEAK).complete();
        else channel.getPermissionOverride(member).delete().complete();
    }
}
