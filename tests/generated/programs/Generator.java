import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.GroupsApi;
import org.openapitools.client.api.MessagesApi;
import org.openapitools.client.api.ScheduleApi;
import org.openapitools.client.model.PhoneNumber;
import org.openapitools.client.model.Refused;
import org.openapitools.client.model.ScheduleMessageRequest;
import org.openapitools.client.model.ScheduleMessageText;
import org.openapitools.client.model.SendMessageRequest;
import org.openapitools.client.model.SendMessageText;
import org.openapitools.client.model.WebhookEvent;

class Generator {
    static ScheduleMessageRequest later(PhoneNumber to, String time) {
        var type = ScheduleMessageText.TypeEnum.TEXT;
        return new ScheduleMessageRequest(
                new ScheduleMessageText().addRecipientsItem(to).type(type).text("hi").sendAt(time));
    }

    public static void main(String[] arguments) throws Exception {
        var client = new ApiClient().setBasePath(arguments[0]);
        client.setBearerToken("YOUR_API_KEY");
        var to = new PhoneNumber();
        to.setActualInstance(254712345678L);

        var text = new SendMessageText().addRecipientsItem(to).type(SendMessageText.TypeEnum.TEXT).text("hi");
        var sent = new MessagesApi(client).sendMessage(new SendMessageRequest(text));
        System.out.println("sent " + sent.getSuccess() + " " + sent.getTotalRecipients());

        var schedule = new ScheduleApi(client);
        var scheduled = schedule.scheduleMessage(later(to, "2099-01-01 10:00:00"));
        System.out.println("scheduled " + scheduled.getTaskId().substring(0, 6));
        var group = new GroupsApi(client).groupInfo("120363403582097887@g.us");
        System.out.println("group " + group.getData().getName());
        try {
            schedule.scheduleMessage(later(to, "2001-01-01 10:00:00"));
        } catch (ApiException error) {
            var refused = Refused.fromJson(error.getResponseBody());
            System.out.println("refused " + error.getCode() + " " + refused.getMessage());
        }

        var event = WebhookEvent.fromJson("""
                {"event": "message_received", "instanceId": "one", "timestamp": "2025-10-17T12:47:59.689Z",
                 "data": {"from": "1@s.whatsapp.net", "id": "A", "timestamp": 1760705279,
                          "message": {"conversation": "the garden"}}}""");
        System.out.println("received " + event.getData().getMessage().getConversation());
    }
}
