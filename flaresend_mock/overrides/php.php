<?php
// Gives stream contexts the proxy, which PHP's stream wrappers read from no variable. PHP_INI_SCAN_DIR loads it first.

(static function (): void {
    $proxy = parse_url((string) getenv('HTTPS_PROXY'));
    $named = isset($proxy['host'], $proxy['port']) ? ['proxy' => "tcp://{$proxy['host']}:{$proxy['port']}"] : [];
    // without the full URI, the proxy could not tell a request for another http:// host from one for itself
    define('FLARESEND_MOCK_PROXY', $named ? $named + ['request_fulluri' => true] : []);
    stream_context_set_default(['http' => FLARESEND_MOCK_PROXY]);
})();

if (!function_exists('stream_context_create')) { // the ini file disables it, so that it can be defined here
    function stream_context_create(?array $options = null, ?array $params = null)
    {
        $stream = fopen('php://memory', 'r');
        $before = get_resources('stream-context');
        stream_context_set_params($stream, []); // makes a context of its own for the stream
        $made = array_diff_key(get_resources('stream-context'), $before);
        $context = end($made) ?: stream_context_get_default();
        fclose($stream);
        foreach ([['http' => FLARESEND_MOCK_PROXY], $options ?? []] as $part) {
            foreach ($part as $wrapper => $values) {
                if (!is_array($values)) {
                    throw new ValueError('Options should have the form ["wrappername"]["optionname"] = $value');
                }
                foreach ($values as $name => $value) {
                    stream_context_set_option($context, $wrapper, $name, $value);
                }
            }
        }
        stream_context_set_params($context, $params ?? []);
        return $context;
    }
}

if (get_cfg_var('flaresend_mock.prepend')) { // what the ini files name otherwise
    require get_cfg_var('flaresend_mock.prepend');
}
