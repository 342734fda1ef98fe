/* gateways-cgi: passes a CGI request on to the process that stays for its script.
 *
 * It is the interpreter in the first line of a CGI script, and knows the usual case only, in which the process is there.
 * For all else it becomes "gateways resident cgi -- SCRIPT" before it has read or written anything: that command starts
 * processes, explains, and serves plain CGI where nothing can stay.
 *
 * This part finds the process; gateways-cgi-relay.c passes the request on. The twins in Python are place.py and relay.py;
 * a change here belongs there, too.
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

#include "gateways-cgi.h"

/* Milliseconds to wait for a place in the backlog, and between two attempts. */
#define PATIENCE 30000
#define INTERVAL 20

#define NAME_SIZE 32

const char *script = "";

/* Trouble */

void say(const char *format, ...)
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

int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t written = write(fd, data, size);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN) { /* somebody has made it non-blocking */
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            poll(&room, 1, -1); /* without end: the web server has timeouts, and ends the script at them */
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

void answer(const char *status, const char *text)
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
        return *given == '/' ? open_private(given) : -1; /* the process's working directory is another */
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
