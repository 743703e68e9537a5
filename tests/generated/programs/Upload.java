import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.api.MessagesApi;

class Upload {
    public static void main(String[] arguments) throws Exception {
        var client = new ApiClient().setBasePath(arguments[0]);
        client.setBearerToken("YOUR_API_KEY");
        var file = Files.writeString(Path.of("menu.txt"), "menu").toFile();
        var messages = new MessagesApi(client);
        var uploaded = 0;
        for (var to : List.of("254712345678", "254798765432")) { // a call for each: docs/openapi.md says why
            var sent = messages.sendMessage(List.of(to), "document", null, file, null, null, null, null, null);
            uploaded += sent.getTotalRecipients();
        }
        System.out.println("uploaded " + uploaded);
    }
}
