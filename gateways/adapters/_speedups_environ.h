/* What the two files that make an environ share: names (names.c), and the orders of names seen (environ.c). */

#ifndef GATEWAYS_SPEEDUPS_ENVIRON_H
#define GATEWAYS_SPEEDUPS_ENVIRON_H

#include "_speedups.h"

enum kind {
    ORDINARY,
    AUTH_TYPE,
    CONTENT_LENGTH,
    DOCUMENT_URI,
    HTTPS,
    HTTP_AUTHORIZATION,
    HTTP_HOST,
    PATH_INFO,
    QUERY_STRING,
    REDIRECT_HTTP_AUTHORIZATION,
    REMOTE_USER,
    REQUEST_METHOD,
    REQUEST_SCHEME,
    REQUEST_URI,
    SCGI,
    SCRIPT_NAME,
    SERVER_NAME,
    SERVER_PORT,
    SERVER_PROTOCOL,
    SERVER_SOFTWARE,
    KINDS
};

enum {
    ABSENT_WHEN_EMPTY = 1, /* "not given" is what an empty value means */
    UNUSUAL = 2,           /* a request with it is for Python */
    DERIVED = 4,           /* set at the end, never from the wire */
    SECRET = 8             /* not to be kept beyond its request */
};

/* A longer value is not kept: it seldom comes again, and the memory adds up. */
#define MAX_KEPT_VALUE 512
#define TABLE_SIZE 2048 /* twice core.environ.MAX_REMEMBERED_NAMES */
#define MAX_NAMES 1024
#define SHAPES 8

typedef struct Name {
    char *text;
    Py_ssize_t size;
    uint64_t hash;
    PyObject *key; /* NULL: not for the environ */
    enum kind kind;
    int flags;
    int header;            /* HTTP_*: several are joined, in Python */
    uint64_t seen;         /* the last request that had it, */
    Py_ssize_t at;         /* and where */
    struct Name *whole;    /* itself; for a stand-in the name that is on the wire */
    struct Name *left_out; /* stands in for it where its value does not count */
} Name;

typedef struct {
    Py_ssize_t count; /* 0: not used yet */
    Name **names;
    PyObject **values; /* what the template has for each; NULL where it has none worth comparing with */
    PyObject *environ; /* the template */
} Shape;

struct Environs {
    PyObject_HEAD
    PyObject *base;   /* what every environ has */
    PyObject *fixed;  /* what wins over the wire (a dict): the deployer's pairs and wsgi.* */
    PyObject *lookup; /* core.environ's _Names: bytes -> str or None, raises what is not allowed */
    PyObject *repair; /* core.paths.repair */
    PyObject *mount;  /* str or None */
    PyObject *script_name, *path_info, *server_name, *query_string, *url_scheme, *http, *https; /* interned */
    PyObject *script, *path, *server; /* the last values of the first three */
    uint64_t request;
    Py_ssize_t names;
    int declines; /* the deployer sets what is_usual() and set_path() look at: every request is for Python */
    int in_use;   /* another thread is in the middle of a call into Python; names and shapes are its own */
    Shape *last;
    Name *table[TABLE_SIZE];
    Shape shapes[SHAPES];
};

Name *find_name(Environs *self, const char *text, Py_ssize_t size);
void forget_names(Environs *self);
void clear_shape(Shape *shape);
int deployer_sets_what_is_looked_at(PyObject *fixed);

#endif
