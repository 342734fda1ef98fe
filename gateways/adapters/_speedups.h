/* What the parts of the extension module gateways.adapters._speedups share. See docs/explain/performance.md.

   The C part knows the usual request only. Whatever it does not know it declines, and the Python code, which knows all
   of it, does it from the start: no rule, no error message and no limit is here that is not there.

   Everything runs under the GIL, and only the leading thread reads and parses (server/crew.py). Another thread can come
   in between only where Python code is called.

   A function that returns int returns -1 with an exception set; those that may decline return 0 for it and 1 for done. */

#ifndef GATEWAYS_SPEEDUPS_H
#define GATEWAYS_SPEEDUPS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <structmember.h>

/* Goes up with each change of what this part takes or gives; speedups.py has the same. */
#define INTERFACE 2

/* More variables than this are not the usual request. Web servers send 20 to 60. */
#define MAX_PAIRS 128

typedef struct FastPath FastPath;

typedef struct {
    PyTypeObject *board, *environs, *fast_path, *link, *start;
} Types;

extern PyType_Spec board_spec, environs_spec, fast_path_spec, link_spec, start_spec;

/* What came of a call into Python, of which only the success counts. */
static inline int finished(PyObject *result)
{
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* --- names.c, environ.c: CGI variables -> environ --------------------------------------------------------------------------- */

typedef struct Environs Environs;

typedef struct {
    const char *name, *value;
    Py_ssize_t name_size, value_size;
} Pair;

typedef struct {
    PyObject *environ;
    long long length; /* CONTENT_LENGTH, -1 when there is none */
    int head_only;    /* REQUEST_METHOD is HEAD */
} Built;

/* Split a header block into at most MAX_PAIRS pairs, and return their number; -1 to decline. */
Py_ssize_t split_fastcgi(const char *block, Py_ssize_t size, Pair *pairs);
Py_ssize_t split_scgi(const char *block, Py_ssize_t size, Pair *pairs);
Py_ssize_t split_uwsgi(const char *block, Py_ssize_t size, Pair *pairs);

/* Never raises. ``strict`` declines a variable that is there twice with two values: adapters/onerequest.py knows which of
   them may be. */
int environs_build(Environs *self, const Pair *pairs, Py_ssize_t count, int strict, Built *built);

/* --- loop.c: what the leader, the monitor and the fast path share -------------------------------------------------- */

typedef struct InHand InHand;

typedef struct {
    PyObject_HEAD
    InHand *in_hand;   /* what other processes see; NULL when nobody looks */
    long long numbers; /* of the requests so far, those of all threads */
    PyObject *lock;    /* held while another thread is promoted; None with one thread */
    PyObject *wake;    /* called when the monitor rests and a request begins */
    PyObject *busy;    /* the connection that the leader serves, or None */
    long long served;  /* how many requests have begun */
    double next_sweep; /* the earliest deadline, monotonic */
    double since;      /* when the last one began, monotonic */
    long long reign;   /* how many threads have been promoted */
    char resting;      /* the monitor sleeps */
    char stopping;     /* the server has been told to stop */
} Board;

typedef struct {
    PyObject_HEAD
    FastPath *path;   /* NULL: the connection is served in Python only */
    PyObject *errors; /* wsgi.errors of this connection */
    PyObject *parts;  /* its list of what is not flushed */
    double deadline;
    long long number;
    int fd, record;
    char watched, detached, waiting, fresh, ahead, keep; /* _pure.py says what they mean */
    char admitted;                                       /* the server knows it */
} Link;

double monotonic_now(void);
int link_admit(Link *self);
int board_begin(Board *self, Link *link, PyObject *environ, double now);
int board_end(Board *self, Link *link, long long sent);

/* --- inhand.c: the requests in hand, where other processes can read them ------------------------------------------- */

InHand *inhand_new(PyObject *area);
void inhand_free(InHand *self);
int inhand_begin(InHand *self, Link *link, PyObject *environ, double now);
void inhand_end(InHand *self, Link *link, long long sent);

/* --- response.c: start_response ------------------------------------------------------------------------------------ */

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    FastPath *path;
    Link *link;
    PyObject *environ;
    PyObject *status;   /* NULL until start_response was called */
    PyObject *headers;  /* our copy of the application's list */
    PyObject *response; /* the Response of core/response.py that has taken over, from the first unusual thing on */
    long long length;   /* Content-Length, -1 when there is none */
    int head_only;
    char *head; /* the encoded headers */
    Py_ssize_t head_size, head_room;
} Start;

Start *start_new(FastPath *path, Link *link, PyObject *environ, int head_only);
void start_free(Start *self);
int start_append(Start *self, const char *data, Py_ssize_t size);
int start_announce(Start *self, Py_ssize_t length);
int start_hand_over(Start *self);

#define READ_SIZE 65536   /* server.wire.READ_SIZE */
#define MAX_CONTENT 65528 /* adapters.fastcgi.records.MAX_ALIGNED_CONTENT: the response is one record */
#define WRITE_SIZE (MAX_CONTENT + 64)

/* --- path.c, accept.c: one read, one parse, one call, one encode, one send --------------------------------------------------- */

enum protocol { FASTCGI_PATH, SCGI_PATH, UWSGI_PATH };

struct FastPath {
    PyObject_HEAD
    enum protocol protocol;
    Types *types;
    Environs *environs;
    Board *board;
    PyTypeObject *connection_type;
    PyObject *server, *listener, *application;
    PyObject *late_response; /* makes the Response of a request that is over */
    PyObject *access_log; /* or None */
    PyObject *statuses;   /* core.headers: the set of status lines that passed */
    PyObject *names;      /* core.headers: header names that passed, and their lower case */
    PyObject *errors_key; /* "wsgi.errors", interned */
    double header_timeout, keepalive_timeout;
    Py_ssize_t max_header_size, max_headers;
    int listener_fd, is_tcp;
    Start *spare; /* the last one, to be used again */
    char *input;  /* what is being parsed: the leader's until it calls the application */
    char *output; /* what is being sent: nobody's between two requests */
};

int path_serve(FastPath *self, Link *link);

#endif
