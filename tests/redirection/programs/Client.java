// A client of Flaresend that hard-codes its host: sends, uploads, receives over https, and downloads media.
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.KeyStore;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

public class Client {
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    static void post(String type, String body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create("https://api.flaresend.com/send-message"))
            .header("Authorization", "Bearer YOUR_API_KEY").header("Content-Type", type)
            .POST(BodyPublishers.ofString(body)).build();
        var response = CLIENT.send(request, BodyHandlers.ofString());
        if (response.statusCode() != 200) throw new IllegalStateException(response.body());
    }

    static String part(String about, String value) {
        return "--b\r\nContent-Disposition: form-data; " + about + "\r\n\r\n" + value + "\r\n";
    }

    static String receive(String folder) throws Exception {
        var keys = KeyStore.getInstance("PKCS12");
        keys.load(new FileInputStream(folder + "/server.p12"), "changeit".toCharArray());
        var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, "changeit".toCharArray());
        var context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        var server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context));
        var event = new CompletableFuture<String>();
        server.createContext("/", exchange -> {
            var body = new String(exchange.getRequestBody().readAllBytes());
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
            event.complete(body);
        });
        server.start();
        System.out.println("PORT " + server.getAddress().getPort());
        var found = event.get();
        server.stop(0);
        return found;
    }

    public static void main(String[] arguments) throws Exception {
        post("application/json", "{\"recipients\":[\"254712345678\"],\"type\":\"text\",\"text\":\"Hello\"}");
        post("multipart/form-data; boundary=b", part("name=\"recipients[]\"", "254712345678")
            + part("name=\"type\"", "document") + part("name=\"file\"; filename=\"menu.pdf\"", "%PDF-1.7 menu") + "--b--\r\n");
        var url = Pattern.compile("\"imageMessage\":\\{.*?\"url\":\"([^\"]+)\"").matcher(receive(arguments[0]));
        if (!url.find()) throw new IllegalStateException("no image");
        var media = CLIENT.send(HttpRequest.newBuilder(URI.create(url.group(1))).build(), BodyHandlers.ofByteArray());
        System.out.println("MEDIA " + media.body().length);
    }
}
