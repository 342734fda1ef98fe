/* gateways-cgi: passes a CGI request on to the process that stays for its script.
 *
 * It is the interpreter in the first line of a CGI script, and a small FastCGI client (FastCGI 1.0): the environment
 * becomes PARAMS, standard input STDIN, and STDOUT and STDERR become standard output and error. It knows the usual case
 * only, in which the process is there. For all else it becomes "gateways resident cgi -- SCRIPT" before it has read or
 * written anything: that command starts processes, explains, and serves plain CGI where nothing can stay.
 *
 * Its twin in Python is relay.py, with place.py for what is found where; a change here belongs there, too.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, STDERR = 7 };
enum { HEADER = 8, MAX_CONTENT = 65528, READ_SIZE = 65536 };

/* The body that is read and not sent yet. More than the first only while the response cannot be written: Apache sends
 * the whole body before it reads a byte of it. */
#define HELD 65536
#define MAX_HELD (16 << 20)

/* What a pipe takes without waiting when poll() says that there is room (PIPE_BUF). */
#define ROOM 4096

/* Milliseconds to wait for a place in the backlog, and between two attempts. */
#define PATIENCE 30000
#define INTERVAL 20

#define NAME_SIZE 32

extern char **environ;

static const char *script = "";

/* Trouble */

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes a line for the error log; what is not printable ASCII in it is escaped. */
static void say(const char *format, ...)
{
    char text[1024], line[4 * sizeof text + 16];
    size_t size = 0;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size += (size_t)sprintf(line, "gateways: ");
    for (const char *c = text; *c; c++) {
        if (*c >= ' ' && *c <= '~')
            line[size++] = *c;
        else
            size += (size_t)sprintf(line + size, "\\x%02x", (unsigned char)*c);
    }
    line[size++] = '\n';
    if (write(STDERR_FILENO, line, size) < 0)
        return; /* nobody reads the log */
}

/* Writes all of it, waiting as long as it takes; -1 when the reader has gone. */
static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t written = write(fd, data, size);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN) { /* somebody has made it non-blocking */
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

static void answer(const char *status, const char *text)
{
    char page[512];
    int size = snprintf(page, sizeof page,
                        "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\nStatus: %s\r\n\r\n%s\n",
                        strlen(text) + 1, status, text);
    write_all(STDOUT_FILENO, page, (size_t)size);
}

/* Becomes the program in Python that knows the rest. */
static void __attribute__((noreturn)) decline(char **arguments, int count)
{
    static char path[PATH_MAX + 16];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    char *name = length > 0 ? memrchr(path, '/', (size_t)length) : NULL;
    char **words = calloc((size_t)count + 5, sizeof *words);
    /* What a query without "=" leaves on the command line is the client's (CVE-2012-1823). */
    if (getenv("REQUEST_METHOD") && count > 2)
        count = 2;
    if (name && words) {
        strcpy(name + 1, "gateways");
        words[0] = path;
        words[1] = "resident";
        words[2] = "cgi";
        words[3] = "--";
        for (int i = 1; i < count; i++)
            words[i + 3] = arguments[i];
        execv(path, words);
    }
    say("%s: cannot execute %s: %s", script, path, strerror(errno));
    if (getenv("REQUEST_METHOD")) /* and not a person */
        answer("500 Internal Server Error", "The request could not be served. The error log says why.");
    exit(1);
}

/* Where the process is */

static uint64_t hash(uint64_t state, const char *text, size_t size)
{
    while (size--)
        state = (state ^ (unsigned char)*text++) * 0x100000001b3u; /* FNV-1a */
    return state;
}

/* The name of the script's socket: of the directories of this program and of the script, and of the script. */
static int name_socket(char *name)
{
    static char program[PATH_MAX], directory[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program);
    char *end = length > 0 ? memrchr(program, '/', (size_t)length) : NULL;
    const char *slash = strrchr(script, '/'), *base = slash ? slash + 1 : script;
    char *above = slash ? strndup(script, slash == script ? 1 : (size_t)(slash - script)) : strdup(".");
    if (!end || !above || !realpath(above, directory)) {
        free(above);
        return -1;
    }
    free(above);
    uint64_t state = hash(0xcbf29ce484222325u, program, (size_t)(end - program));
    state = hash(state, "", 1);
    state = hash(state, directory, strlen(directory));
    state = hash(state, "/", 1);
    state = hash(state, base, strlen(base));
    snprintf(name, NAME_SIZE, "%016llx.sock", (unsigned long long)state);
    return 0;
}

/* Opens a directory that nobody else can have made or can write to; -1 for any other. */
static int open_private(const char *path)
{
    struct stat found;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &found) < 0 || found.st_uid != geteuid() || (found.st_mode & 077))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int open_place(void)
{
    static char path[PATH_MAX];
    const char *given = getenv("GATEWAYS_RESIDENT_DIR");
    if (given && *given)
        return open_private(given);
    struct passwd *account = getpwuid(geteuid());
    struct utsname machine;
    int fd = -1;
    if (account && account->pw_dir && account->pw_dir[0] == '/' && uname(&machine) == 0 &&
        (size_t)snprintf(path, sizeof path, "%s/.cache/gateways/%s", account->pw_dir, machine.nodename) < sizeof path)
        fd = open_private(path);
    if (fd < 0) {
        snprintf(path, sizeof path, "/tmp/gateways-%lu", (unsigned long)geteuid());
        fd = open_private(path);
    }
    return fd;
}

/* Connects by a name in the directory: a path could be another one by then, or too long for a socket. */
static int connect_in(int place, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer;
    socklen_t size = sizeof peer;
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int connected = -1, waited = 0;
    if (here < 0 || sock < 0 || fchdir(place) < 0)
        return -1;
    strcpy(address.sun_path, name);
    while ((connected = connect(sock, (struct sockaddr *)&address, sizeof address)) < 0) {
        if (errno != EINTR && (errno != EAGAIN || waited >= PATIENCE))
            break;
        if (errno == EAGAIN)
            waited += INTERVAL + poll(NULL, 0, INTERVAL);
    }
    int problem = errno;
    if (fchdir(here) < 0)
        return -1;
    close(here);
    if (connected < 0 && problem == EAGAIN) {
        say("%s: its process has taken no request for %d s", script, PATIENCE / 1000);
        answer("503 Service Unavailable", "The application is busy. Try again later.");
        exit(1);
    }
    if (connected < 0 || getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid()) {
        close(sock);
        return -1;
    }
    return sock;
}

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
        if (poll(waits, 3, -1) < 0) {
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

/* Serves the request; returns the exit status, or -1 where another process should. */
static int serve(int sock)
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

int main(int count, char **arguments)
{
    char name[NAME_SIZE];
    int null;
    while ((null = open("/dev/null", O_RDWR)) >= 0 && null <= STDERR_FILENO)
        ; /* a closed one would be the number of the socket */
    if (null > STDERR_FILENO)
        close(null);
    signal(SIGPIPE, SIG_IGN);
    if (count > 1)
        script = arguments[1];
    if (count < 2 || script[0] == '-' || !getenv("REQUEST_METHOD"))
        goto other;
    int place = open_place();
    if (place < 0 || name_socket(name) < 0)
        goto other;
    int sock = connect_in(place, name);
    if (sock < 0)
        goto other;
    int status = serve(sock);
    if (status >= 0)
        return status;
other:
    signal(SIGPIPE, SIG_DFL);
    decline(arguments, count);
}
