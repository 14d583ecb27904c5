import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** An ordinary client of a library, as the commands of a conformance driver use it. Ids are strings; `channelId` may be null. */
interface Client {
    /** Returns the user's id. */
    String login(String token) throws Exception;

    void join(String guildId, String channelId) throws Exception;

    void play(List<byte[]> frames) throws Exception;

    void leave() throws Exception;

    State state(String guildId, String userId) throws Exception;

    void moveMember(String guildId, String userId, String channelId) throws Exception;

    void muteMember(String guildId, String userId, boolean on) throws Exception;

    void denySpeak(String channelId, String userId, boolean on) throws Exception;
}

/** A user's voice state as the library's cache has it. */
record State(String channelId, boolean mute, boolean suppress) {}

/**
 * The line protocol of conformance drivers (docs/conformance.md), with the commands of dev-clients.test.ts: one JSON object per line on
 * standard input and output.
 */
final class Lines {
    private static final ObjectMapper mapper = new ObjectMapper();
    private static final PrintStream output = System.out;

    private final Client client;

    private Lines(Client client) {
        this.client = client;
    }

    /** Returns when the input ends. */
    static void serve(Client client) throws Exception {
        trust(System.getenv("PARLEY_CA"));
        Lines lines = new Lines(client);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            JsonNode command = mapper.readTree(line);
            new Thread(() -> lines.run(command)).start();
        }
        System.exit(0);
    }

    /** The same as `keytool -importcert` and `-Djavax.net.ssl.trustStore`. */
    private static void trust(String certificate) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (InputStream pem = new FileInputStream(certificate)) {
            store.setCertificateEntry("parley", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        Path file = Files.createTempFile("parley", ".p12");
        file.toFile().deleteOnExit();
        try (OutputStream out = new FileOutputStream(file.toFile())) {
            store.store(out, "changeit".toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", file.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", "changeit");
    }

    private static synchronized void tell(String event, ObjectNode fields) {
        output.println(fields.put("event", event));
        output.flush();
    }

    private void run(JsonNode command) {
        String name = command.path("do").asText();
        try {
            ObjectNode fields = JsonNodeFactory.instance.objectNode();
            tell(answer(name, command, fields), fields);
        } catch (Exception error) {
            tell("failed", JsonNodeFactory.instance.objectNode().put("do", name).put("error", error.toString()));
        }
    }

    /** Runs the command and returns the name of its event. */
    private String answer(String name, JsonNode command, ObjectNode fields) throws Exception {
        String guildId = command.path("guild_id").asText(null);
        String channelId = command.path("channel_id").asText(null);
        String userId = command.path("user_id").asText(null);
        boolean on = command.path("on").asBoolean();
        switch (name) {
            case "login" -> {
                fields.put("user_id", client.login(command.path("token").asText()));
                return "logged_in";
            }
            case "join" -> {
                client.join(guildId, channelId);
                return "joined";
            }
            case "play" -> {
                List<byte[]> frames = new ArrayList<>();
                for (JsonNode frame : command.path("frames")) frames.add(Base64.getDecoder().decode(frame.asText()));
                client.play(frames);
                return "played";
            }
            case "leave" -> {
                client.leave();
                return "left";
            }
            case "state" -> {
                State state = client.state(guildId, userId);
                fields.put("channel_id", state.channelId()).put("mute", state.mute()).put("suppress", state.suppress());
                return "state";
            }
            case "move_member" -> {
                client.moveMember(guildId, userId, channelId);
                return "member_moved";
            }
            case "mute_member" -> {
                client.muteMember(guildId, userId, on);
                return "member_muted";
            }
            case "deny_speak" -> {
                client.denySpeak(channelId, userId, on);
                return "permission_set";
            }
            default -> throw new IllegalArgumentException("no command " + name);
        }
    }
}
