package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	api "example/client"
)

var to = []api.PhoneNumber{{String: api.PtrString("254712345678")}}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func later(time string) api.ScheduleMessageRequest {
	return api.ScheduleMessageTextAsScheduleMessageRequest(api.NewScheduleMessageText(to, "text", "hi", time))
}

func main() {
	configuration := api.NewConfiguration()
	configuration.Servers = api.ServerConfigurations{{URL: os.Args[1]}}
	configuration.AddDefaultHeader("Authorization", "Bearer YOUR_API_KEY")
	client := api.NewAPIClient(configuration)
	ctx := context.Background()

	text := api.SendMessageTextAsSendMessageRequest(api.NewSendMessageText(to, "text", "hi"))
	sent, _, err := client.MessagesAPI.SendMessage(ctx).SendMessageRequest(text).Execute()
	check(err)
	fmt.Println("sent", sent.GetSuccess(), sent.GetTotalRecipients())

	body := later("2099-01-01 10:00:00")
	scheduled, _, err := client.ScheduleAPI.ScheduleMessage(ctx).ScheduleMessageRequest(body).Execute()
	check(err)
	fmt.Println("scheduled", scheduled.GetTaskId()[:6])
	group, _, err := client.GroupsAPI.GroupInfo(ctx, "120363403582097887@g.us").Execute()
	check(err)
	fmt.Println("group", group.Data.GetName())

	body = later("2001-01-01 10:00:00")
	_, response, err := client.ScheduleAPI.ScheduleMessage(ctx).ScheduleMessageRequest(body).Execute()
	var failed *api.GenericOpenAPIError
	if errors.As(err, &failed) {
		refused := failed.Model().(api.Refused)
		fmt.Println("refused", response.StatusCode, refused.GetMessage())
	}

	var event api.WebhookEvent
	check(json.Unmarshal([]byte(`{"event": "message_received", "instanceId": "one", "timestamp": "2025-10-17T12:47:59Z",
		"data": {"from": "1@s.whatsapp.net", "id": "A", "timestamp": 1760705279,
			"message": {"conversation": "the garden"}}}`), &event))
	fmt.Println("received", event.Data.Message.GetConversation())
}
