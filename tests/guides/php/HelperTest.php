<?php

require_once __DIR__ . '/Flaresend.php';

use PHPUnit\Framework\AssertionFailedError;
use PHPUnit\Framework\TestCase;

/** What the page does not show of the helper. */
final class HelperTest extends TestCase
{
    use FlaresendMock\Flaresend;

    private const ANN = '254712345678';

    protected function flaresendWorld(): array
    {
        return $this->toString() === 'HelperTest::testAWorldIsChosen' ? ['time_zone' => 'Africa/Nairobi'] : [];
    }

    public function testAWorldIsChosen(): void
    {
        $clock = $this->flaresend->clock;

        $clock->freeze('2025-11-14 10:00');
        $this->assertSame('2025-11-14T07:00:00+00:00', $clock->now()->format('c'));
        $clock->set(new DateTime('2025-11-15 10:00', new DateTimeZone('Asia/Tokyo')));
        $this->assertSame('2025-11-15T01:00:00+00:00', $clock->now()->format('c'));
        $clock->advance(seconds: 1, minutes: 1, hours: 1, days: 1);
        $this->assertSame('2025-11-16T02:01:01+00:00', $clock->now()->format('c'));
        $clock->advanceTo('2025-11-17 10:00');
        $this->assertSame('2025-11-17T07:00:00+00:00', $clock->now()->format('c'));
        $clock->run();
        $this->assertFalse($this->flaresend->call('GET', '/clock')['frozen']);
        $this->assertStringContainsString('HelperTest-testAWorldIsChosen-', $this->flaresend->name);
    }

    public function testTheEnvironmentIsRestored(): void
    {
        putenv('ONE_URL=before');
        [$_ENV['ONE_URL'], $_SERVER['ONE_KEY']] = ['env', 'server'];
        $other = new FlaresendMock\World();

        $other->env('ONE_URL', 'ONE_KEY');
        $other->env('TWO_URL', 'ONE_KEY');
        $this->assertSame([$other->url, $other->apiKey], [getenv('TWO_URL'), getenv('ONE_KEY')]);
        $this->assertSame([$other->url, $other->apiKey], [$_ENV['ONE_URL'], $_SERVER['ONE_KEY']]);

        $other->close();
        $this->assertSame(['before', false, false], [getenv('ONE_URL'), getenv('ONE_KEY'), getenv('TWO_URL')]);
        $this->assertSame(['env', 'server'], [$_ENV['ONE_URL'], $_SERVER['ONE_KEY']]);
        $this->assertArrayNotHasKey('TWO_URL', $_ENV + $_SERVER);
    }

    public function testAnInboxRecordsSignedEvents(): void
    {
        $this->flaresend->clock->freeze();
        $inbox = $this->flaresend->inbox(secret: 'a secret');
        $inbox->status = 503;
        $this->flaresend->receive(self::ANN, 'Olá');
        $inbox->status = 200;
        $this->flaresend->clock->advanceToNext();

        $this->assertCount(2, $inbox->events);
        $this->assertSame('Olá', $inbox->events[1]['data']['message']['conversation']);
        $this->assertSame($inbox->bodies[0], $inbox->bodies[1]);
        $signature = 'sha256=' . hash_hmac('sha256', $inbox->bodies[1], 'a secret');
        $this->assertSame($signature, $inbox->headers[1]['X-Hub-Signature-256']);
    }

    public function testEventsWaitForTheTest(): void
    {
        $inbox = $this->flaresend->inbox();
        $this->flaresend->receive(self::ANN, file: __FILE__, wait: false);
        $this->assertSame([], $inbox->events);

        $this->flaresend->event('call');

        $this->assertCount(2, $inbox->events);
        $file = $inbox->events[0]['data']['message']['documentMessage'];
        $this->assertSame(['HelperTest.php', 'application/octet-stream'], [$file['fileName'], $file['mimetype']]);
        $this->assertCount(2, $this->flaresend->deliveries(['status' => 'delivered']));
    }

    public function testAnotherHostReachesThisProcess(): void
    {
        putenv('FLARESEND_MOCK_APP_HOST=localhost');
        $inbox = $this->flaresend->inbox();
        putenv('FLARESEND_MOCK_APP_HOST');

        $this->flaresend->receive(self::ANN, 'hi');

        $this->assertStringStartsWith('localhost:', $inbox->headers[0]['Host']);
    }

    public function testAHandlerUsesTheHelper(): void
    {
        $handled = 0;
        $this->flaresend->webhookHandler(function () use (&$handled): object {
            if ($handled++ === 0) {
                $this->flaresend->receive('254711000111', 'while the first one is handled');
                $this->flaresend->settle();
            }
            return new class {
                public function getStatusCode(): int
                {
                    return 202;
                }
            };
        });
        $this->flaresend->receive(self::ANN, 'first');

        $this->assertSame(2, $handled);
        foreach ($this->flaresend->deliveries() as $delivery) {
            $this->assertSame([202], array_column($delivery['attempts'], 'status'));
        }
    }

    public function testWhatAHandlerThrowsFailsTheTest(): void
    {
        $this->flaresend->webhookHandler(fn () => throw new DomainException('not today'));

        try {
            $this->flaresend->receive(self::ANN, 'hi');
            $this->fail('nothing was thrown');
        } catch (DomainException $thrown) {
            $this->assertSame('not today', $thrown->getMessage());
        }
        $this->assertSame(500, $this->flaresend->deliveries()[0]['attempts'][0]['status']);
    }

    public function testAHandlerThatReturnsSomethingElseIsTold(): void
    {
        foreach (['array' => ['ok' => true], 'string' => 'ok'] as $type => $reply) {
            $this->flaresend->webhookHandler(fn () => $reply);
            try {
                $this->flaresend->receive($type === 'array' ? self::ANN : '254711000111', 'hi');
                $this->fail('nothing was thrown');
            } catch (TypeError $thrown) {
                $said = "The webhook handler returned $type, neither a status nor a response.";
                $this->assertSame($said, $thrown->getMessage());
            }
        }
    }

    public function testFailuresShowWhatHappened(): void
    {
        $this->flaresend->receive(self::ANN, 'hi');
        $failures = [
            'messages like {"text":"hi"' => fn () => $this->flaresend->expectMessage(text: 'hi', within: 0.05),
            'requests like {"path":"/groups"}' => fn () => $this->flaresend->verify(path: '/groups', atLeast: 1),
            'requests like {}' => fn () => $this->flaresend->verify(exactly: 1, inOrder: [['status' => 200]]),
            'messages like {"direction":"inbound"}' => fn () => $this->flaresend->expectNoMessage(direction: 'inbound'),
        ];
        foreach ($failures as $said => $failure) {
            try {
                $failure();
            } catch (AssertionFailedError $failed) {
                $this->assertStringContainsString($said, $failed->getMessage());
                $this->assertStringContainsString('to 254708920430 text "hi"', $failed->getMessage());
                unset($failures[$said]);
            }
        }
        $this->assertSame([], $failures);
        $this->flaresend->verify(never: true);
    }

    public function testAFaultLastsAsLongAsItsFunction(): void
    {
        $result = $this->flaresend->fault('down', fn () => $this->flaresend->call('GET', '/faults')['faults']);
        $this->assertCount(1, $result);
        $this->assertSame([], $this->flaresend->call('GET', '/faults')['faults']);

        $this->flaresend->fault(respond: ['status' => 500], times: 1);
        $this->assertCount(1, $this->flaresend->call('GET', '/faults')['faults']);
    }

    public function testAMistakeIsNamed(): void
    {
        $this->expectException(RuntimeException::class);
        $this->expectExceptionMessage("'txt' is not known; did you mean 'text'?");
        $this->flaresend->messages(txt: 'hi');
    }

    /** @runInSeparateProcess */
    public function testAProcessOfItsOwnHasAnEmulatorOfItsOwn(): void
    {
        $this->assertSame([], $this->flaresend->messages());
    }
}
