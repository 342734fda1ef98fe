<?php
// What tests/support/managed_app.py does, as far as PHP can: the path says what.
[, $action, $argument, $more] = explode('/', $_SERVER['REQUEST_URI'] . '///', 5);
$body = (string) getmypid();
switch ($action) {
case 'sleep':
    usleep((int) ((float) $argument * 1e6));
    break;
case 'begin':
    $file = getenv('MANAGED_BY_TEST') . '/' . $argument;
    file_put_contents($file . '.new', $body);
    rename($file . '.new', $file);
    usleep((int) ((float) $more * 1e6));
    break;
case 'spin':
    for ($end = microtime(true) + (float) $argument; microtime(true) < $end;);
    break;
case 'count':
    for ($size = 0, $in = fopen('php://input', 'rb'); ($data = fread($in, 65536)) !== '' && $data !== false;) {
        $size += strlen($data);
    }
    $body = (string) $size;
    break;
case 'upload':
    $hash = hash_init('sha256');
    for ($size = 0, $in = fopen('php://input', 'rb'); ($data = fread($in, 65536)) !== '' && $data !== false;) {
        hash_update($hash, $data);
        $size += strlen($data);
    }
    $body = $size . ' ' . hash_final($hash);
    break;
case 'counted':
    header('Content-Type: text/plain');
    for ($left = (int) $argument; $left > 0; $left--) {
        echo str_repeat('x', 1000);
    }
    exit;
case 'download':
    header('Content-Type: text/plain');
    header('Content-Length: ' . ((int) $argument << 20));
    for ($byte = 0, $row = ''; $byte < 256; $byte++) {
        $row .= chr($byte);
    }
    for ($block = str_repeat($row, 256), $left = (int) $argument * 16; $left > 0; $left--) {
        echo $block;
    }
    exit;
}
header('Content-Type: text/plain');
header('Content-Length: ' . strlen($body));
echo $body;
