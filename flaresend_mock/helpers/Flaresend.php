<?php declare(strict_types=1);
// flaresend-mock {{version}}: helper for tests in PHP 8.1 and later, printed by: flaresend-mock helper php > tests/Flaresend.php

namespace FlaresendMock;

use DateTimeInterface as Time;
use PHPUnit\Framework\{Assert, Attributes\After, Attributes\Before};

/** Gives each test of a PHPUnit or Pest test case a world of its own: $this->flaresend. */
trait Flaresend {
    protected World $flaresend;
    /** Override it to choose the world: ['fixture' => 'demo', 'time_zone' => 'Africa/Nairobi', 'directory' => 'closed']. */
    protected function flaresendWorld(): array { return []; }
    /** @before */
    #[Before]
    protected function createFlaresendWorld(): void { $this->flaresend = new World($this->flaresendWorld(), $this->toString()); }
    /** @after */
    #[After]
    protected function deleteFlaresendWorld(): void { isset($this->flaresend) && $this->flaresend->close(); }
}

/** One world of the emulator. Matchers are an array or named arguments: messages(to: '254712345678', type: 'text'). */
final class World {
    public readonly string $url, $apiKey, $name;
    public readonly Clock $clock;
    private array $environment = [], $report;
    public function __construct(array $options = [], string $test = 'php') {
        $this->url = Emulator::url();
        $before = Emulator::call('GET', '/events?limit=1')['events'];
        $name = ltrim(substr(preg_replace('/\W+/', '-', $test), -57), '-_') . '-' . bin2hex(random_bytes(3));
        $options += ['name' => $name, 'seed' => crc32($test), 'public_url' => $this->url];
        ['name' => $this->name, 'api_key' => $this->apiKey] = Emulator::call('POST', '/worlds', $options);
        $this->report = ['world' => $this->name, 'strays_since' => $before ? end($before)['id'] : 0];
        $this->clock = new Clock($this);
    }
    /** Calls an endpoint of the control plane for this world: call('POST', '/snapshots/before'). */
    public function call(string $method, string $path, array $body = []): array {
        return Emulator::call($method, $path . (str_contains($path, '?') ? '&' : '?') . "world=$this->name", $body);
    }
    /** Sets the variables that the application reads its base URL and API key from, until the test ends. */
    public function env(string $url = 'FLARESEND_URL', string $apiKey = 'FLARESEND_API_KEY'): void {
        foreach ([$url => $this->url, $apiKey => $this->apiKey] as $name => $value) {
            $this->environment += [$name => [getenv($name), $_ENV, $_SERVER]];
            putenv("$name=$value");
            $_ENV[$name] = $_SERVER[$name] = $value;
        }
    }
    /** A person writes to the instance. Returns the event, once the webhook has responded; with wait: false, at once. */
    public function receive(?string $from, ?string $text = null, ?string $file = null, bool $wait = true, mixed ...$fields): array {
        if ($file !== null) {
            $data = ['base64' => base64_encode(file_get_contents($file)), 'fileName' => basename($file)];
            $fields['media'] = ($fields['media'] ?? []) + $data;
        }
        $event = $this->call('POST', '/inbound', array_filter(compact('from', 'text'), is_string(...)) + $fields)['event'];
        $wait && $this->settle();
        return $event;
    }
    /** Sends an event of your own, or a sample such as 'undecryptable', to the webhook. */
    public function event(array|string $event, mixed ...$fields): array { return $this->receive(null, ...$fields, event: $event); }
    /** These return messages, calls of the API, webhook deliveries with their attempts, and pending scheduled messages. */
    public function messages(array $match = [], mixed ...$fields): array { return $this->search('messages', $match + $fields); }
    public function requests(array $match = [], mixed ...$fields): array { return $this->search('requests', $match + $fields); }
    public function deliveries(array $match = [], mixed ...$fields): array { return $this->search('deliveries', $match + $fields); }
    public function scheduled(): array { return $this->call('GET', '/scheduled')['scheduled']; }
    /** Returns the first sent message that matches. $since is a message or a call before it, or the number of an event. */
    public function expectMessage(array $match = [], float $within = 2, array|int|null $since = null, mixed ...$fields): array {
        $match += $fields + ['direction' => 'outbound'];
        return $this->expect('messages', 'wait', $match, $since, ['timeout' => $within])[0];
    }
    /** Fails if a matching message was sent, also in response to a webhook, or is sent $within real seconds. */
    public function expectNoMessage(array $match = [], float $within = 0, array|int|null $since = null, mixed ...$fields): void {
        $this->settle();
        Emulator::serve($within);
        $this->expect('messages', 'verify', $match + $fields + ['direction' => 'outbound'], $since, ['never' => true]);
    }
    /** Makes sure that calls of the API match, in this number or this order, and returns them. */
    public function verify(array $match = [], ?int $exactly = null, ?int $atLeast = null, ?int $atMost = null,
        ?bool $never = null, ?array $inOrder = null, array|int|null $since = null, mixed ...$fields): array {
        $counts = compact('exactly', 'never') + ['at_least' => $atLeast, 'at_most' => $atMost, 'in_order' => $inOrder];
        return $this->expect('requests', 'verify', $match + $fields, $since, array_filter($counts, fn ($one) => $one !== null));
    }
    /** Arms fault('flaky'), or fault(match: ['path' => '/send-message'], respond: ['status' => 503], times: 2), until the
     *  test ends; with $during, until this function ends, whose result it returns. */
    public function fault(array|string $fault = [], ?callable $during = null, mixed ...$fields): mixed {
        $made = $this->call('POST', '/faults', (is_string($fault) ? ['preset' => $fault] : $fault) + $fields);
        try {
            return $during ? [$during(), $this->settle()][0] : $made;
        } finally {
            $during && $this->call('DELETE', "/faults/$made[id]");
        }
    }
    /** Sends the instance's events to a URL. Options are those of a webhook, such as secret: '…'. */
    public function webhook(string $url, mixed ...$options): void {
        $this->call('PUT', '/instances/default/webhook', ['url' => $url] + $options);
    }
    /** Delivers events to $handler(array $event, array $headers, string $body) in this process, while the test waits. It
     *  returns a status, a response, or nothing for 200. $host is this machine's name for an emulator in a container. */
    public function webhookHandler(callable $handler, ?string $host = null, mixed ...$options): void {
        $host ??= getenv('FLARESEND_MOCK_APP_HOST') ?: '127.0.0.1';
        $port = Emulator::listen($handler, $host === '127.0.0.1' ? $host : '0.0.0.0');
        $this->webhook("http://$host:$port/webhook", ...$options);
    }
    /** Records events instead, in ->events, ->headers and ->bodies, and responds with ->status. */
    public function inbox(?string $host = null, mixed ...$options): Inbox {
        $this->webhookHandler($inbox = new Inbox(), $host, ...$options);
        return $inbox;
    }
    /** Waits until each delivery is delivered, has failed, or waits for the clock. A handler does not wait for itself. */
    public function settle(): void {
        Emulator::$handles || $this->call('POST', '/deliveries/settle')['settled']
            || Assert::fail("some deliveries are still under way\n" . $this->transcript());
    }
    /** Returns what happened, a line each. */
    public function transcript(array $query = []): string {
        return Emulator::send('GET', '/transcript?' . http_build_query($query + $this->report))[1];
    }
    /** Deletes the world, and restores the environment. */
    public function close(): void {
        Emulator::listen(null);
        foreach (array_reverse($this->environment) as $name => [$value, $_ENV, $_SERVER]) {
            putenv($value === false ? $name : "$name=$value");
        }
        Emulator::call('DELETE', "/worlds/$this->name");
    }
    private function search(string $kind, array $match): array {
        return $this->call('POST', "/$kind/search", ['match' => (object) $match])[$kind];
    }
    private function expect(string $kind, string $how, array $match, array|int|null $since, array $body): array {
        $body += ['match' => (object) $match, 'since' => is_array($since) ? $since['event'] ?? $since['id'] : $since];
        try {
            $found = $this->call('POST', "/$kind/$how", $body)[$kind];
        } catch (\RuntimeException $refused) {
            in_array($refused->getCode(), [408, 409, 422], true) || throw $refused;
            $query = ['match' => Emulator::json((object) $match), 'kind' => $kind];
            $problem = $how === 'wait' ? strtok($refused->getMessage(), ';') : $refused->getMessage(); // the transcript has the rest
            Assert::fail("$kind like $query[match]: $problem\n" . $this->transcript($how === 'wait' ? $query : []));
        }
        Assert::assertTrue(true); // PHPUnit counts it
        return $found;
    }
}

/** The clock of a world. A time is a DateTimeInterface, or a text such as '2025-11-14 10:00' in the world's time zone. */
final class Clock {
    public function __construct(private World $world) {}
    public function now(): Time { return new \DateTimeImmutable($this->world->call('GET', '/clock')['now']); }
    public function freeze(Time|string|null $at = null): void { $this->change(['frozen' => true] + ($at ? ['now' => $at] : [])); }
    public function run(): void { $this->change(['frozen' => false]); }
    /** Sets the clock. Nothing that is due runs by this. */
    public function set(Time|string $to): void { $this->change(['now' => $to]); }
    /** Runs what falls due on the way, and returns it: advance(days: 1, hours: 2), advanceTo('2025-11-15 09:00'). */
    public function advance(float $seconds = 0, float $minutes = 0, float $hours = 0, float $days = 0): array {
        return $this->pass(['seconds' => $seconds + 60 * $minutes + 3600 * $hours + 86400 * $days]);
    }
    public function advanceTo(Time|string $time): array { return $this->pass(['to' => $time]); }
    public function advanceToNext(): array { return $this->pass(['to_next' => true]); }
    private function change(array $body): void { $this->world->call('PATCH', '/clock', $body); }
    private function pass(array $body): array { return $this->world->call('POST', '/clock/advance', $body)['fired']; }
}

/** The events that came to a webhook. */
final class Inbox {
    public array $events = [], $headers = [], $bodies = [];
    public int $status = 200;
    public function __invoke(array $event, array $headers, string $body): int {
        [$this->events[], $this->headers[], $this->bodies[]] = [$event, $headers, $body];
        return $this->status;
    }
}

/** @internal Calls the emulator in FLARESEND_MOCK_URL, or one that runs as long as this process, and hands on deliveries. */
final class Emulator {
    public static bool $handles = false;
    private static mixed $url = null, $running, $listener = null, $handler, $thrown = null;
    public static function url(): string {
        if (self::$url === null) {
            self::$url = preg_replace('~^(?!https?://)~', 'http://', rtrim(trim(getenv('FLARESEND_MOCK_URL') ?: self::start()), '/'));
            isset(self::call('GET', '/health')['version']) || self::fail('is not a flaresend-mock emulator');
        }
        return self::$url;
    }
    private static function start(): string {
        $command = ['flaresend-mock', '--port', '0', '--stop-with-stdin', '--log-format', 'text', '--log-level', 'warning'];
        self::$running = [$process = @proc_open($command, [['pipe', 'r'], ['pipe', 'w']], $pipes), $pipes]; // open while it runs
        while (!preg_match('/ at (http\S+)/', $line = $process ? (string) fgets($pipes[1]) : '', $found)) {
            $line !== '' || throw new \RuntimeException('flaresend-mock does not start. Is it on the PATH? Or set FLARESEND_MOCK_URL.');
        }
        return $found[1];
    }
    private static function fail(string $problem): never { throw new \RuntimeException('The server at ' . self::$url . " $problem."); }
    public static function json(array|object $value): string {
        return json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    }
    public static function call(string $method, string $path, array $body = []): array {
        $body = array_map(fn ($one) => $one instanceof Time ? $one->format('Y-m-d\TH:i:s.uP') : $one, $body);
        [$status, $text] = self::send($method, $path, $method === 'GET' ? '' : self::json((object) $body));
        $found = json_decode($text, true) ?? self::fail("does not respond to $method /_mock$path as an emulator does: $text");
        $hint = $status === 401 ? ' The helper reads it from FLARESEND_MOCK_CONTROL_TOKEN.' : '';
        return $status < 400 ? $found : throw new \RuntimeException(($found['error']['message'] ?? $text) . $hint, $status);
    }
    /** Makes a call, and returns the status and the body of the response. */
    public static function send(string $method, string $path, string $body = ''): array {
        $url = parse_url(self::$url) + ['scheme' => '', 'host' => '', 'path' => ''];
        $host = $url['host'] . ':' . ($url['port'] ?? ($url['scheme'] === 'https' ? 443 : 80));
        $socket = @stream_socket_client(($url['scheme'] === 'https' ? 'tls://' : 'tcp://') . $host, $_, $reason, 10)
            ?: self::fail('cannot be reached: ' . ($reason ?: 'its certificate is not trusted, or it does not speak https'));
        $token = getenv('FLARESEND_MOCK_CONTROL_TOKEN') ?: '';
        $head = "$method $url[path]/_mock$path HTTP/1.0\r\nHost: $host\r\n" . ($token === '' ? '' : "X-Control-Token: $token\r\n");
        fwrite($socket, $head . "Content-Type: application/json\r\nContent-Length: " . strlen($body) . "\r\n\r\n$body");
        stream_set_blocking($socket, false);
        preg_match('~^HTTP/\S+ (\d+).*?\r\n\r\n(.*)~s', self::serve(600, $socket, !str_starts_with($path, '/inbound')), $found)
            || self::fail("does not respond to $method /_mock$path");
        return [(int) $found[1], $found[2]];
    }
    /** Listens on a free port for deliveries to a function, and returns the port. Null stops it. */
    public static function listen(?callable $handler, string $host = ''): int {
        self::$listener && fclose(self::$listener);
        [self::$handler, self::$listener] = [$handler, $handler ? stream_socket_server("tcp://$host:0") : null];
        return $handler ? (int) substr(strrchr(stream_socket_get_name(self::$listener, false), ':'), 1) : 0;
    }
    /** Hands on deliveries until the seconds are over, or a response has ended, which it returns. */
    public static function serve(float $seconds, mixed $response = null, bool $accept = true): string {
        for ($text = '', $end = hrtime(true) + $seconds * 1e9; !($response && feof($response)) && hrtime(true) < $end;) {
            [$read, $none] = [array_filter([$response, $accept && !self::$handles ? self::$listener : null]), null];
            $read ? @stream_select($read, $none, $none, 0, 100_000) : usleep(1000);
            in_array(self::$listener, $read, true) && self::handle(stream_socket_accept(self::$listener));
            $text .= $response ? stream_get_contents($response) : '';
        }
        [$thrown, self::$thrown] = [self::$thrown, null];
        return $thrown ? throw $thrown : $text;
    }
    private static function handle(mixed $connection): void {
        stream_set_timeout($connection, 10);
        preg_match_all('/^([\w-]+): *(.*?)\r?$/m', (string) stream_get_line($connection, 65536, "\r\n\r\n"), $found);
        $headers = array_combine($found[1], $found[2]);
        $body = stream_get_contents($connection, (int) ($headers['Content-Length'] ?? 0));
        try {
            self::$handles = true;
            $reply = (self::$handler)(json_decode($body, true) ?? [], $headers, $body) ?? 200;
            $status = is_int($reply) ? $reply : (is_callable([$reply, 'getStatusCode']) ? $reply->getStatusCode()
                : throw new \TypeError('The webhook handler returned ' . get_debug_type($reply) . ', neither a status nor a response.'));
        } catch (\Throwable $thrown) {
            [$status, self::$thrown] = [500, self::$thrown ?? $thrown];
        } finally {
            self::$handles = false;
        }
        fwrite($connection, "HTTP/1.1 $status \r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        fclose($connection);
    }
}
