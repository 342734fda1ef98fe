/* The usual request, from the socket to the socket: one read, one parse, one call, one encode, one send. The reference
   is server/connection.py and what it uses; whatever is not usual goes there. */

#include "_speedups.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DECLINED, DONE, TAKEN }; /* TAKEN: Python has done it, and all that follows */

typedef struct {
    const char *block, *rest; /* the variables, and what follows them */
    Py_ssize_t block_size, rest_size;
    int keep;
} Parsed;

/* --- parsing ------------------------------------------------------------------------------------------------------- */

/* BEGIN_REQUEST as every web server sends it, PARAMS in one record, and their end (FastCGI 1.0, section 3.3). */
static int parse_fastcgi(const char *data, Py_ssize_t size, Py_ssize_t limit, Parsed *parsed)
{
    static const char begin[2][16] = {{1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0}, {1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1}};
    static const char params[8] = {1, 4, 0, 1};
    if (size < 32 || (memcmp(data, begin[0], 16) != 0 && memcmp(data, begin[1], 16) != 0) ||
        memcmp(data + 16, params, 4) != 0)
        return 0;
    const unsigned char *header = (const unsigned char *)data + 16;
    Py_ssize_t length = header[4] << 8 | header[5], end = 24 + length + header[6];
    if (length > limit || end + 8 > size || memcmp(data + end, params, 8) != 0)
        return 0;
    *parsed = (Parsed){data + 24, data + end + 8, length, size - end - 8, data[10]};
    return 1;
}

/* A netstring (SCGI, section 4). */
static int parse_scgi(const char *data, Py_ssize_t size, Py_ssize_t limit, Parsed *parsed)
{
    Py_ssize_t at = 0, length = 0;
    while (at < size && at < 6 && data[at] >= '0' && data[at] <= '9')
        length = length * 10 + (data[at++] - '0');
    if (at == 0 || *data == '0' || at >= size || data[at++] != ':')
        return 0;
    if (length > limit || at + length >= size || data[at + length] != ',')
        return 0;
    *parsed = (Parsed){data + at, data + at + length + 1, length, size - at - length - 1, 0};
    return 1;
}

/* A packet with modifier1 0 (adapters/uwsgi/server.py). */
static int parse_uwsgi(const char *data, Py_ssize_t size, Py_ssize_t limit, Parsed *parsed)
{
    if (size < 4 || data[0] != 0)
        return 0;
    Py_ssize_t length = (unsigned char)data[1] | (unsigned char)data[2] << 8;
    if (length > limit || 4 + length > size)
        return 0;
    *parsed = (Parsed){data + 4, data + 4 + length, length, size - 4 - length, 0};
    return 1;
}

/* By enum protocol. */
static const struct {
    int (*parse)(const char *, Py_ssize_t, Py_ssize_t, Parsed *);
    Py_ssize_t (*split)(const char *, Py_ssize_t, Pair *);
} PROTOCOLS[] = {{parse_fastcgi, split_fastcgi}, {parse_scgi, split_scgi}, {parse_uwsgi, split_uwsgi}};

/* Whether nothing more comes of this request: no body, and its end is here. */
static int is_complete(FastPath *self, const Parsed *parsed, long long length)
{
    static const char stdin_end[8] = {1, 5, 0, 1};
    if (length > 0)
        return 0;
    if (self->protocol == FASTCGI_PATH)
        return parsed->rest_size == 8 && memcmp(parsed->rest, stdin_end, 8) == 0;
    return parsed->rest_size == 0;
}

/* --- what Python does ---------------------------------------------------------------------------------------------- */

/* Bytes, or None when there are none yet, for the Python parser. */
static int on_data(Link *link, PyObject *data)
{
    if (data == NULL || link_admit(link) < 0) {
        Py_XDECREF(data);
        return -1;
    }
    return finished(PyObject_CallMethod((PyObject *)link, "on_data", "N", data));
}

/* A request with a body: Python takes it from here, with the environ. */
static int on_environ(Link *link, const Parsed *parsed, PyObject *environ)
{
    PyObject *rest = PyBytes_FromStringAndSize(parsed->rest, parsed->rest_size); /* before anyone reads again */
    if (rest == NULL || link_admit(link) < 0) {
        Py_XDECREF(rest);
        return -1;
    }
    return finished(PyObject_CallMethod((PyObject *)link, "on_environ", "OiN", environ, parsed->keep, rest));
}

/* The application has returned something unusual, or failed. */
static int take_over(Start *start, PyObject *result, double started)
{
    PyObject *type = NULL, *error = NULL, *traceback = NULL;
    if (result == NULL) {
        PyErr_Fetch(&type, &error, &traceback);
        PyErr_NormalizeException(&type, &error, &traceback);
        if (traceback != NULL)
            PyException_SetTraceback(error, traceback);
    }
    Link *link = start->link;
    Py_INCREF(link);
    int done = start_hand_over(start);
    if (done == 0)
        done = finished(PyObject_CallMethod((PyObject *)link, "take_over", "OOOOd", start->environ, start->response,
                                            result ? result : Py_None, error ? error : Py_None, started));
    Py_DECREF(link);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
    return done;
}

/* --- the response -------------------------------------------------------------------------------------------------- */

/* The size of a body that is all there, -1 for what Python has to look at. */
static Py_ssize_t body_size(PyObject *result)
{
    Py_ssize_t total = 0;
    if (!PyList_CheckExact(result) && !PyTuple_CheckExact(result))
        return -1;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(result); i++) {
        PyObject *block = PySequence_Fast_GET_ITEM(result, i);
        if (!PyBytes_CheckExact(block) || PyBytes_GET_SIZE(block) > MAX_CONTENT)
            return -1;
        total += PyBytes_GET_SIZE(block);
        if (total > MAX_CONTENT)
            return -1;
    }
    return total;
}

static char *append(char *at, const char *data, Py_ssize_t size)
{
    memcpy(at, data, size);
    return at + size;
}

/* Frame head, body and end: STDOUT, the end of STDOUT, END_REQUEST (section 5.5); for SCGI and uwsgi as they are. The
   status is a line before the head for uwsgi, and its last header for the others. */
static Py_ssize_t encode(FastPath *self, Start *start, PyObject *result, Py_ssize_t size)
{
    static const char end[24] = {1, 6, 0, 1, 0, 0, 0, 0, 1, 3, 0, 1, 0, 8};
    const char *status = (const char *)PyUnicode_1BYTE_DATA(start->status);
    Py_ssize_t status_size = PyUnicode_GET_LENGTH(start->status);
    Py_ssize_t content = start->head_size + 9 + status_size + 4 + size; /* 9: "HTTP/1.0 ", 4: two line ends */
    if (content > MAX_CONTENT)
        return 0;
    char *at = self->output;
    content -= self->protocol != UWSGI_PATH; /* "Status: " */
    if (self->protocol == FASTCGI_PATH) {
        char header[8] = {1, 6, 0, 1, (char)(content >> 8), (char)content, (char)(-content & 7), 0};
        at = append(at, header, 8);
    }
    if (self->protocol == UWSGI_PATH) {
        at = append(at, "HTTP/1.0 ", 9);
        at = append(at, status, status_size);
        at = append(at, "\r\n", 2);
        at = append(at, start->head, start->head_size);
        at = append(at, "\r\n", 2);
    } else {
        at = append(at, start->head, start->head_size);
        at = append(at, "Status: ", 8);
        at = append(at, status, status_size);
        at = append(at, "\r\n\r\n", 4);
    }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(result); i++) {
        PyObject *block = PySequence_Fast_GET_ITEM(result, i);
        at = append(at, PyBytes_AS_STRING(block), PyBytes_GET_SIZE(block));
    }
    if (self->protocol == FASTCGI_PATH) {
        memset(at, 0, -content & 7);
        at = append(at + (-content & 7), end, sizeof end);
    }
    return at - self->output;
}

/* The socket took less than all of it: Python waits for room. */
static int finish(Start *start, const char *data, Py_ssize_t data_size, Py_ssize_t body_size, double started)
{
    PyObject *rest = PyBytes_FromStringAndSize(data, data_size);
    if (rest == NULL || start_hand_over(start) < 0) {
        Py_XDECREF(rest);
        return -1;
    }
    return finished(PyObject_CallMethod((PyObject *)start->link, "finish", "OONnd", start->environ, start->response,
                                        rest, body_size, started)) < 0
               ? -1
               : TAKEN;
}

/* Send a response that is all there. DECLINED when not a byte was sent: Python will say why. */
static int send_whole(FastPath *self, Start *start, PyObject *result, double started, Py_ssize_t *size)
{
    Link *link = start->link;
    *size = body_size(result);
    if (*size <= 0 || start->status == NULL || start->response != NULL || start->head_only || !link->ahead)
        return DECLINED;
    if (PyList_GET_SIZE(link->parts) > 0) /* wsgi.errors goes out before the end of the request */
        return DECLINED;
    if (start->length < 0 ? !start_announce(start, *size) : start->length != *size)
        return DECLINED;
    Py_ssize_t length = encode(self, start, result, *size);
    if (length == 0)
        return DECLINED;
    Py_ssize_t sent = send(link->fd, self->output, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == length)
        return DONE;
    if (sent <= 0)
        return DECLINED;
    return finish(start, self->output + sent, length - sent, *size, started);
}

static int log_access(FastPath *self, Start *start, Py_ssize_t size, double started)
{
    if (self->access_log == Py_None)
        return 0;
    return finished(PyObject_CallMethod(self->access_log, "write", "OOOndOL", start->environ, start->status,
                                        start->headers, size, monotonic_now() - started, Py_False,
                                        start->link->number));
}

/* --- one request --------------------------------------------------------------------------------------------------- */

static void close_link(Link *link, int ends_by_close)
{
    if (ends_by_close) /* a process that the application forked may hold a copy of the descriptor */
        shutdown(link->fd, SHUT_RDWR);
    close(link->fd);
    link->fd = -1;
    Py_CLEAR(link->errors); /* it knows the link: a cycle */
    Py_CLEAR(link->parts);
}

/* The response is out: wait for the next request, or close. */
static int go_on(FastPath *self, Link *link, int keep)
{
    if (keep && link->admitted && link->watched && !link->detached) {
        link->deadline = monotonic_now() + self->keepalive_timeout;
        link->waiting = 1;
        if (link->deadline < self->board->next_sweep)
            self->board->next_sweep = link->deadline;
        return 0;
    }
    if (!keep && !link->admitted && !link->detached) {
        close_link(link, self->protocol != FASTCGI_PATH);
        return 0;
    }
    if (link_admit(link) < 0)
        return -1;
    return finished(PyObject_CallMethod((PyObject *)link, keep ? "wait" : "close", NULL));
}

static int prepare_errors(FastPath *self, Link *link, PyObject *environ)
{
    if (link->parts == NULL) {
        PyObject *errors = link->errors;
        if (errors == NULL || errors == Py_None)
            errors = PyObject_CallMethod((PyObject *)link, "make_errors", NULL);
        else
            Py_INCREF(errors);
        PyObject *parts = errors ? PyObject_GetAttrString(errors, "_parts") : NULL;
        if (parts == NULL || !PyList_CheckExact(parts)) {
            Py_XDECREF(errors);
            Py_XDECREF(parts);
            return -1;
        }
        Py_XSETREF(link->errors, errors);
        link->parts = parts;
    }
    return PyDict_SetItem(environ, self->errors_key, link->errors);
}

/* Call the application and answer: DONE with the size of the body, or TAKEN. */
static int answer(FastPath *self, Start *start, double started, Py_ssize_t *size)
{
    PyObject *arguments[] = {start->environ, (PyObject *)start};
    PyObject *result = PyObject_Vectorcall(self->application, arguments, 2, NULL);
    int done = result == NULL ? DECLINED : send_whole(self, start, result, started, size);
    if (done == DECLINED)
        done = take_over(start, result, started) < 0 ? -1 : TAKEN;
    if (done == DONE && log_access(self, start, *size, started) < 0)
        done = -1;
    Py_XDECREF(result);
    return done;
}

static int run(FastPath *self, Link *link, const Built *built, int keep)
{
    if (prepare_errors(self, link, built->environ) < 0)
        return -1;
    Start *start = start_new(self, link, built->environ, built->head_only);
    if (start == NULL)
        return -1;
    link->ahead = 1;
    link->keep = (char)keep;
    double started = monotonic_now();
    Py_ssize_t size = 0;
    int done = board_begin(self->board, link, built->environ, started);
    if (done == 0)
        done = answer(self, start, started, &size);
    start_free(start);
    if (done != DONE)
        return done < 0 ? -1 : 0;
    link->ahead = 0;
    return board_end(self->board, link, size) < 0 ? -1 : go_on(self, link, keep);
}

/* Read once, and serve what has come. The connection is between two requests, and nothing of the next is here. */
int path_serve(FastPath *self, Link *link)
{
    ssize_t size = recv(link->fd, self->input, READ_SIZE, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return Py_INCREF(Py_None), on_data(link, Py_None);
    Parsed parsed;
    Pair pairs[MAX_PAIRS];
    Built built;
    int usual = size > 0 && PROTOCOLS[self->protocol].parse(self->input, size, self->max_header_size, &parsed);
    if (usual) {
        Py_ssize_t count = PROTOCOLS[self->protocol].split(parsed.block, parsed.block_size, pairs);
        usual = count > 0 && count <= self->max_headers &&
                environs_build(self->environs, pairs, count, self->protocol != FASTCGI_PATH, &built);
    }
    if (!usual)
        return on_data(link, PyBytes_FromStringAndSize(self->input, size > 0 ? size : 0));
    int done = is_complete(self, &parsed, built.length) ? run(self, link, &built, parsed.keep)
                                                        : on_environ(link, &parsed, built.environ);
    Py_DECREF(built.environ);
    return done;
}
