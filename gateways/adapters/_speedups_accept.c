/* FastPath as an object: what Python makes and calls. It accepts connections, and has path.c serve what they bring. */

#include "_speedups.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH 16 /* connections accepted before other descriptors get their turn */

/* --- accepting ----------------------------------------------------------------------------------------------------- */

static int serve_new(FastPath *self, int fd)
{
    int one = 1;
    Link *link = (Link *)self->connection_type->tp_alloc(self->connection_type, 0);
    if (link == NULL) {
        close(fd);
        return -1;
    }
    if (self->is_tcp)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    link->fd = fd;
    link->record = -1;
    link->fresh = 1;
    link->deadline = monotonic_now() + self->header_timeout;
    Py_INCREF(self);
    link->path = self;
    int done = path_serve(self, link);
    if (done < 0) { /* a fault of ours costs this connection only */
        PyObject *type, *error, *traceback;
        PyErr_Fetch(&type, &error, &traceback);
        PyErr_NormalizeException(&type, &error, &traceback);
        done = link_admit(link) < 0 ? -1 : finished(PyObject_CallMethod(self->server, "fault", "OO", link, error));
        Py_XDECREF(type);
        Py_XDECREF(error);
        Py_XDECREF(traceback);
    }
    Py_DECREF(link);
    return done;
}

static PyObject *path_accept(FastPath *self, PyObject *ignored)
{
    if (self->input == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "not initialised");
        return NULL;
    }
    long count = 0;
    long long reign = self->board->reign; /* as soon as another thread leads, this is its listener */
    while (count < ACCEPT_BATCH && self->board->reign == reign && !(count && self->board->stopping)) {
        int fd = accept4(self->listener_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            break;
        if (fd < 0)
            return PyErr_SetFromErrno(PyExc_OSError);
        count++;
        if (serve_new(self, fd) < 0)
            return NULL;
    }
    return PyLong_FromLong(count);
}

/* --- the type ------------------------------------------------------------------------------------------------------ */

static int path_init(FastPath *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {
        "protocol", "listener",    "listener_fd",   "tcp",        "connection_type", "server",
        "late_response", "application", "environs", "board",      "access_log",      "statuses",
        "names",    "header_timeout", "keepalive_timeout", "max_header_size", "max_headers", NULL};
    const char *protocol;
    PyObject *listener, *connection_type, *server, *late_response, *application, *environs, *board, *access_log, *statuses, *names;
    Types *types = self->types = PyType_GetModuleState(Py_TYPE(self));
    if (types == NULL || self->input != NULL ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "$sOipO!OOOO!O!OO!O!ddnn", keywords, &protocol, &listener,
                                     &self->listener_fd, &self->is_tcp, &PyType_Type, &connection_type, &server,
                                     &late_response, &application, types->environs, &environs, types->board, &board, &access_log,
                                     &PySet_Type, &statuses, &PyDict_Type, &names, &self->header_timeout,
                                     &self->keepalive_timeout, &self->max_header_size, &self->max_headers))
        return -1;
    if (!PyType_IsSubtype((PyTypeObject *)connection_type, types->link)) {
        PyErr_SetString(PyExc_TypeError, "connection_type must be derived from Link");
        return -1;
    }
    static const char *protocols[] = {"fastcgi", "scgi", "uwsgi"};
    int at = 0;
    while (at < 3 && strcmp(protocol, protocols[at]) != 0)
        at++;
    if (at == 3) {
        PyErr_SetString(PyExc_ValueError, "a protocol that is not known here");
        return -1;
    }
    self->protocol = at;
    PyObject *held[] = {listener, connection_type, server,     late_response, application,
                        environs, board,           access_log, statuses,      names};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        Py_INCREF(held[i]);
    self->listener = listener;
    self->connection_type = (PyTypeObject *)connection_type;
    self->server = server;
    self->late_response = late_response;
    self->application = application;
    self->environs = (Environs *)environs;
    self->board = (Board *)board;
    self->access_log = access_log;
    self->statuses = statuses;
    self->names = names;
    self->errors_key = PyUnicode_InternFromString("wsgi.errors");
    self->input = PyMem_Malloc(READ_SIZE);
    self->output = PyMem_Malloc(WRITE_SIZE);
    if (self->errors_key == NULL || self->input == NULL || self->output == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int path_traverse(FastPath *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->listener);
    Py_VISIT(self->connection_type);
    Py_VISIT(self->server);
    Py_VISIT(self->application);
    Py_VISIT(self->environs);
    Py_VISIT(self->board);
    Py_VISIT(self->access_log);
    Py_VISIT(self->spare);
    return 0;
}

static int path_clear(FastPath *self)
{
    Py_CLEAR(self->listener);
    Py_CLEAR(self->connection_type);
    Py_CLEAR(self->server);
    Py_CLEAR(self->late_response);
    Py_CLEAR(self->application);
    Py_CLEAR(self->environs);
    Py_CLEAR(self->board);
    Py_CLEAR(self->access_log);
    Py_CLEAR(self->statuses);
    Py_CLEAR(self->names);
    Py_CLEAR(self->errors_key);
    Py_CLEAR(self->spare);
    return 0;
}

static void path_dealloc(FastPath *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    path_clear(self);
    PyMem_Free(self->input);
    PyMem_Free(self->output);
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(accept_doc, "accept()\n--\n\n"
                         "Accept what waits, serve what is complete, and return how many connections came.\n"
                         "Raises OSError as accept(2) does, but not when there was none.");

static PyObject *path_attach(FastPath *self, PyObject *link)
{
    if (self->input == NULL || !PyObject_TypeCheck(link, self->types->link)) {
        PyErr_SetString(PyExc_TypeError, self->input ? "a Link is needed" : "not initialised");
        return NULL;
    }
    Py_INCREF(self);
    Py_XSETREF(((Link *)link)->path, self);
    Py_RETURN_NONE;
}

static PyMethodDef path_methods[] = {
    {"attach", (PyCFunction)path_attach, METH_O, "Serve the usual requests of a connection that Python has accepted."},
    {"accept", (PyCFunction)path_accept, METH_NOARGS, accept_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot path_slots[] = {
    {Py_tp_init, path_init},   {Py_tp_dealloc, path_dealloc}, {Py_tp_traverse, path_traverse},
    {Py_tp_clear, path_clear}, {Py_tp_methods, path_methods}, {0, NULL},
};

PyType_Spec fast_path_spec = {
    .name = "gateways.adapters._speedups.FastPath",
    .basicsize = sizeof(FastPath),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = path_slots,
};
