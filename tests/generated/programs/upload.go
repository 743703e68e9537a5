package main

import (
	"context"
	"fmt"
	"os"

	api "example/client"
)

func main() {
	configuration := api.NewConfiguration()
	configuration.Servers = api.ServerConfigurations{{URL: os.Args[1]}}
	configuration.AddDefaultHeader("Authorization", "Bearer YOUR_API_KEY")
	if err := os.WriteFile("menu.txt", []byte("menu"), 0o600); err != nil {
		panic(err)
	}
	file, err := os.Open("menu.txt")
	if err != nil {
		panic(err)
	}
	to := []string{"254712345678", "254798765432"}
	call := api.NewAPIClient(configuration).MessagesAPI.SendMessage(context.Background())
	sent, _, err := call.Recipients(to).Type_("document").File(file).Execute()
	if err != nil {
		panic(err)
	}
	fmt.Println("uploaded", sent.GetTotalRecipients())
}
