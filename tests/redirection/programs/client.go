// A client of Flaresend that hard-codes its host: sends, uploads, receives over https, and downloads media.
package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"strings"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func post(kind string, body io.Reader) {
	request, err := http.NewRequest("POST", "https://api.flaresend.com/send-message", body)
	must(err)
	request.Header.Set("Authorization", "Bearer YOUR_API_KEY")
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(request)
	must(err)
	if response.StatusCode != 200 {
		must(fmt.Errorf("%s", response.Status))
	}
}

type Event struct {
	Data struct {
		Message struct{ ImageMessage struct{ URL string } }
	}
}

func receive(folder string) Event {
	certificate, err := tls.LoadX509KeyPair(folder+"/server.pem", folder+"/server.pem")
	must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	events := make(chan Event)
	handler := http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		var event Event
		must(json.NewDecoder(request.Body).Decode(&event))
		writer.WriteHeader(200)
		events <- event
	})
	server := http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go server.ServeTLS(listener, "", "")
	fmt.Println("PORT", listener.Addr().(*net.TCPAddr).Port)
	return <-events
}

func main() {
	post("application/json", strings.NewReader(`{"recipients":["254712345678"],"type":"text","text":"Hello"}`))
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	must(form.WriteField("recipients[]", "254712345678"))
	must(form.WriteField("type", "document"))
	file, err := form.CreateFormFile("file", "menu.pdf")
	must(err)
	file.Write([]byte("%PDF-1.7 menu"))
	must(form.Close())
	post(form.FormDataContentType(), &body)
	response, err := http.Get(receive(os.Args[1]).Data.Message.ImageMessage.URL)
	must(err)
	media, err := io.ReadAll(response.Body)
	must(err)
	fmt.Println("MEDIA", len(media))
}
