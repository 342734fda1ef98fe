/* gateways-cgi, the second part: passes the request on, and the answer back.
 *
 * A small FastCGI client (FastCGI 1.0): the environment becomes PARAMS, standard input STDIN, and STDOUT and STDERR become
 * standard output and error. Its twin in Python is relay.py.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateways-cgi.h"

enum { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, STDERR = 7 };
enum { HEADER = 8, MAX_CONTENT = 65528, READ_SIZE = 65536 };

/* The body that is read and not sent yet. More than the first only while the response cannot be written: Apache sends
 * the whole body before it reads a byte of it. */
#define HELD 65536
#define MAX_HELD (16 << 20)

/* What a pipe takes without waiting when poll() says that there is room (PIPE_BUF). */
#define ROOM 4096

extern char **environ;

/* The way there */

static struct {
    char *data;
    size_t start, end, size;
    int open;      /* more of the body may come */
    long long left; /* bytes of it; -1: up to its end */
} up;

/* Makes room behind the end; -1 when there is no memory. */
static int reserve(size_t more)
{
    if (up.start == up.end)
        up.start = up.end = 0;
    if (up.start && up.end + more > up.size) {
        memmove(up.data, up.data + up.start, up.end - up.start);
        up.end -= up.start;
        up.start = 0;
    }
    if (up.end + more > up.size) {
        size_t size = up.size * 2 > up.end + more ? up.size * 2 : up.end + more;
        char *data = realloc(up.data, size);
        if (!data)
            return -1;
        up.data = data;
        up.size = size;
    }
    return 0;
}

static void put_header(char *to, int kind, size_t length)
{
    memcpy(to, (char[HEADER]){1, (char)kind, 0, 1, (char)(length >> 8), (char)length, 0, 0}, HEADER);
}

static size_t put_length(char *to, size_t length)
{
    if (length < 128) {
        *to = (char)length;
        return 1;
    }
    memcpy(to, (char[4]){(char)(length >> 24 | 0x80), (char)(length >> 16), (char)(length >> 8), (char)length}, 4);
    return 4;
}

/* Puts BEGIN_REQUEST and PARAMS there (sections 5.1 and 5.2); -1 when there is no memory. */
static int begin(void)
{
    size_t most = 0;
    for (char **variable = environ; *variable; variable++)
        most += strlen(*variable) + 8;
    char *block = malloc(most + 1), *to = block;
    if (!block || reserve(most + (most / MAX_CONTENT + 6) * HEADER) < 0) {
        free(block);
        return -1;
    }
    for (char **variable = environ; *variable; variable++) {
        const char *equals = strchr(*variable, '=');
        if (!equals || equals == *variable)
            continue;
        size_t name = (size_t)(equals - *variable), value = strlen(equals + 1);
        to += put_length(to, name);
        to += put_length(to, value);
        memcpy(to, *variable, name);
        memcpy(to + name, equals + 1, value);
        to += name + value;
    }
    put_header(up.data, BEGIN_REQUEST, 8);
    memcpy(up.data + HEADER, (char[8]){0, 1, 0}, 8); /* a responder, and the connection is for this request alone */
    up.end = 2 * HEADER;
    for (const char *from = block; from < to;) {
        size_t length = (size_t)(to - from) < MAX_CONTENT ? (size_t)(to - from) : MAX_CONTENT;
        put_header(up.data + up.end, PARAMS, length);
        memcpy(up.data + up.end + HEADER, from, length);
        up.end += HEADER + length;
        from += length;
    }
    put_header(up.data + up.end, PARAMS, 0);
    up.end += HEADER;
    free(block);
    return 0;
}

/* Ends the body. There is always room for that: reserve() is asked for it before. */
static void end_body(void)
{
    put_header(up.data + up.end, STDIN, 0);
    up.end += HEADER;
    up.open = 0;
}

/* Says how far standard input may be read: never past CONTENT_LENGTH (RFC 3875, section 4.2). Without one there is no
 * body, except that Apache passes a chunked upload on as a stream with an end. */
static void expect_body(void)
{
    const char *length = getenv("CONTENT_LENGTH"), *coding = getenv("HTTP_TRANSFER_ENCODING");
    char *rest = NULL;
    up.open = 1;
    up.left = coding && strcasecmp(coding, "chunked") == 0 ? -1 : 0;
    if (length && *length >= '0' && *length <= '9') {
        errno = 0;
        up.left = strtoll(length, &rest, 10);
        if (errno || *rest)
            up.left = 0; /* it is refused */
    }
    if (!up.left)
        end_body();
}

/* Reads a piece of the body and frames it; -1 when there is no memory. */
static int read_body(void)
{
    size_t want = up.left < 0 || up.left > MAX_CONTENT ? MAX_CONTENT : (size_t)up.left;
    if (reserve(2 * HEADER + want) < 0)
        return -1;
    ssize_t got = read(STDIN_FILENO, up.data + up.end + HEADER, want);
    if (got > 0) {
        put_header(up.data + up.end, STDIN, (size_t)got);
        up.end += HEADER + (size_t)got;
        if (up.left > 0)
            up.left -= got;
        if (up.left == 0)
            end_body();
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        end_body(); /* too short: the process will see it */
    }
    return 0;
}

/* Nobody reads the body any more. */
static void drop_body(void)
{
    up.open = 0;
    up.start = up.end = 0;
}

static void send_some(int sock)
{
    ssize_t sent = send(sock, up.data + up.start, up.end - up.start, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0)
        up.start += (size_t)sent;
    else if (errno != EINTR && errno != EAGAIN)
        drop_body(); /* it may have answered nevertheless */
}

/* The way back */

static struct {
    char data[READ_SIZE];
    size_t start, end;
    unsigned char header[HEADER];
    size_t known;            /* bytes of the header */
    size_t content, padding; /* what is left of the record */
    unsigned char ending[8];
    size_t told;    /* bytes of END_REQUEST */
    int answered;   /* something of the response was written */
    int blocked;    /* standard output has no room */
    int heard;      /* a byte of it has come */
    int gone;       /* nobody reads it */
    const char *lie; /* what is wrong with the process's records */
} down;

/* Writes a piece of the response. While the body is on its way, no more than there is room for. */
static size_t write_some(const char *data, size_t size)
{
    struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (up.open || up.start < up.end) {
        if (poll(&room, 1, 0) < 1 || !(room.revents & (POLLOUT | POLLERR))) {
            down.blocked = 1;
            return 0;
        }
        size = size < ROOM ? size : ROOM;
    }
    if (write_all(STDOUT_FILENO, data, size) < 0)
        down.gone = 1;
    down.answered = 1;
    return size;
}

/* Takes what is there of a record's content; returns how much of it was taken. */
static size_t take_content(void)
{
    const char *data = down.data + down.start;
    size_t size = down.end - down.start;
    size = size < down.content ? size : down.content;
    switch (down.header[1]) {
    case STDOUT:
        return write_some(data, size);
    case STDERR:
        write_all(STDERR_FILENO, data, size); /* nobody reads the log: no reason to fail the request */
        return size;
    case END_REQUEST:
        for (size_t i = 0; i < size && down.told < sizeof down.ending; i++)
            down.ending[down.told++] = (unsigned char)data[i];
        return size;
    default:
        return size;
    }
}

/* Takes the records that are there; returns true at the end of the request. */
static int take_records(void)
{
    while (down.start < down.end && !down.blocked && !down.gone) {
        size_t here = down.end - down.start;
        if (down.known < HEADER) {
            down.header[down.known++] = (unsigned char)down.data[down.start++];
            if (down.known < HEADER)
                continue;
            if (down.header[0] != 1) {
                down.lie = "it does not speak FastCGI";
                return 1;
            }
            down.content = (size_t)down.header[4] << 8 | down.header[5];
            down.padding = down.header[6];
        } else if (down.content) {
            size_t taken = take_content();
            down.start += taken;
            down.content -= taken;
        } else {
            size_t skipped = down.padding < here ? down.padding : here;
            down.start += skipped;
            down.padding -= skipped;
        }
        if (down.known == HEADER && !down.content && !down.padding) {
            if (down.header[1] == END_REQUEST) {
                if (down.told < sizeof down.ending)
                    down.lie = "its END_REQUEST is too short";
                return 1;
            }
            down.known = 0;
        }
    }
    return 0;
}

/* Both at once: a process may answer before it has read the body, or never read it. Returns true when it was ended. */
static int relay(int sock)
{
    for (;;) {
        if (take_records())
            return 1;
        if (down.gone)
            return 0;
        size_t held = up.end - up.start;
        int reads = up.open && (held < HELD || (down.blocked && held < MAX_HELD));
        short events = (short)((down.start == down.end ? POLLIN : 0) | (held ? POLLOUT : 0));
        struct pollfd waits[3] = {
            {.fd = events ? sock : -1, .events = events},
            {.fd = reads ? STDIN_FILENO : -1, .events = POLLIN},
            /* Without events it tells when the reader has gone. */
            {.fd = STDOUT_FILENO, .events = down.blocked ? POLLOUT : 0},
        };
        if (poll(waits, 3, -1) < 0) { /* without end: the web server has timeouts, and ends the script at them */
            if (errno == EINTR)
                continue;
            down.lie = strerror(errno);
            return 0;
        }
        if (waits[2].revents & (POLLERR | POLLHUP | POLLNVAL)) {
            down.gone = 1;
            return 0;
        }
        if (waits[2].revents & POLLOUT)
            down.blocked = 0;
        if (waits[1].revents && read_body() < 0) {
            down.lie = "there is no memory for the body";
            return 0;
        }
        if (held && waits[0].revents & (POLLOUT | POLLERR | POLLHUP))
            send_some(sock);
        if (down.start == down.end && waits[0].revents & (POLLIN | POLLERR | POLLHUP)) {
            ssize_t got = recv(sock, down.data, sizeof down.data, MSG_DONTWAIT);
            if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
                return 0;
            down.heard |= got > 0;
            down.start = 0;
            down.end = got > 0 ? (size_t)got : 0;
        }
    }
}

/* Lets the web server know that the rest of the body will not be read. mod_cgid gives a script one socket for both
 * directions: closed with unread bytes in it, it is reset, and Apache loses the response. */
static void leave_body(int unread)
{
    struct stat kind;
    if (!unread || fstat(STDIN_FILENO, &kind) < 0 || !S_ISSOCK(kind.st_mode))
        return;
    shutdown(STDIN_FILENO, SHUT_RD);
    while (recv(STDIN_FILENO, down.data, sizeof down.data, 0) > 0)
        ;
}

/* Whether the request may be made once more when a process has ended without a word. It says one as soon as it has taken
 * a connection, but its socket takes some up to its last moment. Only what is safe to repeat, all the same, as others may
 * listen there (RFC 9110, section 9.2.1). */
static int may_repeat(void)
{
    const char *method = getenv("REQUEST_METHOD");
    return !up.left && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
}

int serve(int sock)
{
    int unread, ended, repeats;
    if (begin() < 0) {
        say("%s: there is no memory for the request", script);
        answer("500 Internal Server Error", "The request could not be served. The error log says why.");
        return 1;
    }
    expect_body();
    repeats = may_repeat();
    ended = relay(sock);
    unread = up.left != 0;
    close(sock);
    if (!ended && !down.heard && !down.gone && !down.lie && repeats)
        return -1;
    if (!down.gone && (!ended || down.lie || down.ending[4])) {
        say("%s: the process that stays for it did not answer: %s", script,
            down.lie ? down.lie : ended ? "it has refused the request" : "it has ended, or closed the connection");
        if (!down.answered)
            answer("502 Bad Gateway", "The application has ended without an answer. The error log says more.");
    }
    leave_body(unread);
    if (down.gone || !ended || down.lie || down.ending[4])
        return 1;
    return down.ending[0] || down.ending[1] || down.ending[2] ? 1 : down.ending[3];
}
