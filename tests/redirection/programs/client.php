<?php
// A client of Flaresend that hard-codes its host: sends, uploads, receives over https, and downloads media.

const URL = 'https://api.flaresend.com/send-message';
const KEY = 'Authorization: Bearer YOUR_API_KEY';
const PINNED = [CURLOPT_RESOLVE => ['api.flaresend.com:443:57.128.52.136']];
const TEXT = ['recipients' => ['254712345678'], 'type' => 'text', 'text' => 'Hello'];

[, $folder, $client] = $argv;

function with_curl(): void
{
    $post = static function (mixed $body, array $headers): void {
        $call = curl_init(URL);
        curl_setopt_array($call, PINNED + [
            CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTPHEADER => [KEY, ...$headers], CURLOPT_POSTFIELDS => $body,
        ]);
        $body = curl_exec($call);
        curl_getinfo($call, CURLINFO_HTTP_CODE) === 200 || exit(curl_error($call) . $body);
    };
    $file = new CURLStringFile('%PDF-1.7 menu', 'menu.pdf', 'application/pdf');
    $post(json_encode(TEXT), ['Content-Type: application/json']);
    $post(['recipients[]' => '254712345678', 'type' => 'document', 'file' => $file], []);
}

function with_guzzle(): void
{
    require '/usr/share/php/GuzzleHttp/autoload.php';
    $options = ['headers' => ['Authorization' => 'Bearer YOUR_API_KEY'], 'curl' => PINNED];
    $client = new GuzzleHttp\Client($options);
    $client->post(URL, ['json' => TEXT]);
    $client->post(URL, ['multipart' => [
        ['name' => 'recipients[]', 'contents' => '254712345678'],
        ['name' => 'type', 'contents' => 'document'],
        ['name' => 'file', 'contents' => '%PDF-1.7 menu', 'filename' => 'menu.pdf'],
    ]]);
}

function with_streams(): void
{
    $post = static function (string $body, string $type): void {
        $context = stream_context_create(['http' => [
            'method' => 'POST', 'header' => [KEY, "Content-Type: $type"], 'content' => $body, 'ignore_errors' => true,
        ]]);
        $response = file_get_contents(URL, false, $context);
        str_contains($http_response_header[0], '200') || exit($response);
    };
    $part = static fn (string $about, string $value): string => "--b\r\nContent-Disposition: form-data; $about\r\n\r\n$value\r\n";
    $post(json_encode(TEXT), 'application/json');
    $post($part('name="recipients[]"', '254712345678') . $part('name="type"', 'document')
        . $part('name="file"; filename="menu.pdf"', '%PDF-1.7 menu') . "--b--\r\n", 'multipart/form-data; boundary=b');
}

function receive(string $folder): array
{
    $context = stream_context_create(['ssl' => ['local_cert' => "$folder/server.pem"]]);
    $server = stream_socket_server('ssl://127.0.0.1:0', $code, $text, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
    $name = explode(':', stream_socket_get_name($server, false));
    echo "PORT $name[1]\n";
    $connection = stream_socket_accept($server, 60);
    $length = 0;
    while (($line = trim(fgets($connection))) !== '') {
        if (preg_match('/^content-length: (\d+)/i', $line, $found)) {
            $length = (int) $found[1];
        }
    }
    $event = json_decode(stream_get_contents($connection, $length), true);
    fwrite($connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    fclose($connection);
    return $event;
}

"with_$client"();
$media = receive($folder)['data']['message']['imageMessage']['url'];
echo 'MEDIA ', strlen(file_get_contents($media)), "\n";
