<?php
require '/usr/share/php/GuzzleHttp/autoload.php';
spl_autoload_register(function (string $class): void {
    if (str_starts_with($class, 'OpenAPI\\Client\\')) {
        require 'client/lib/' . str_replace('\\', '/', substr($class, 15)) . '.php';
    }
});

use OpenAPI\Client\Api;
use OpenAPI\Client\ApiException;
use OpenAPI\Client\Configuration;
use OpenAPI\Client\Model\ScheduleMessageText;
use OpenAPI\Client\Model\SendMessageResponse;
use OpenAPI\Client\Model\SendMessageText;
use OpenAPI\Client\ObjectSerializer;

$configuration = (new Configuration())->setHost($argv[1])->setAccessToken('YOUR_API_KEY');
$http = new GuzzleHttp\Client();
$text = ['recipients' => ['254712345678'], 'type' => 'text', 'text' => 'hi'];

$sent = (new Api\MessagesApi($http, $configuration))->sendMessage(new SendMessageText($text));
echo 'sent ', var_export($sent->getSuccess(), true), ' ', $sent->getTotalRecipients(), "\n";
$form = [
    ['name' => 'recipients[]', 'contents' => '254712345678'],
    ['name' => 'recipients[]', 'contents' => '254798765432'],
    ['name' => 'type', 'contents' => 'document'],
    ['name' => 'file', 'contents' => 'menu', 'filename' => 'menu.txt'],
];
$response = $http->post("$argv[1]/send-message", [
    'headers' => ['Authorization' => "Bearer {$configuration->getAccessToken()}"],
    'multipart' => $form,
]);
$uploaded = ObjectSerializer::deserialize((string) $response->getBody(), SendMessageResponse::class);
echo 'uploaded ', $uploaded->getTotalRecipients(), "\n";
$schedule = new Api\ScheduleApi($http, $configuration);
$later = fn (string $time) => $schedule->scheduleMessage(new ScheduleMessageText($text + ['send_at' => $time]));
echo 'scheduled ', substr($later('2099-01-01 10:00:00')->getTaskId(), 0, 6), "\n";
$group = (new Api\GroupsApi($http, $configuration))->groupInfo('120363403582097887@g.us');
echo 'group ', $group->getData()->getName(), "\n";
try {
    $later('2001-01-01 10:00:00');
} catch (ApiException $error) {
    echo 'refused ', $error->getCode(), ' ', $error->getResponseObject()->getMessage(), "\n";
}
