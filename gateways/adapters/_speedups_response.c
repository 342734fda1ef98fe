/* start_response for the usual response. The reference is core/response.py (Response.start), core/headers.py
   and adapters/cgihead.py.

   A Start checks and encodes status and headers as long as all of it is usual. From the first thing that is not, a
   Response of core/response.py takes over, with what was started so far. */

#include "_speedups.h"

/* More is not the usual response, and not kept for the next one. */
#define MAX_HEAD 16384

int start_append(Start *self, const char *data, Py_ssize_t size)
{
    if (self->head_size + size > self->head_room) {
        Py_ssize_t room = 2 * (self->head_size + size) + 256;
        if (room > MAX_HEAD)
            return 0;
        char *head = PyMem_Realloc(self->head, room);
        if (head == NULL)
            return 0;
        self->head = head;
        self->head_room = room;
    }
    memcpy(self->head + self->head_size, data, size);
    self->head_size += size;
    return 1;
}

/* Whether a text has no control character and is ASCII. Others may be allowed, too, but need a second look. */
static int is_plain(PyObject *text)
{
    if (!PyUnicode_CheckExact(text))
        return 0;
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(text) < 0)
        return 0;
#endif
    if (!PyUnicode_IS_ASCII(text))
        return 0;
    const unsigned char *data = PyUnicode_1BYTE_DATA(text);
    for (Py_ssize_t i = 0, size = PyUnicode_GET_LENGTH(text); i < size; i++)
        if (data[i] < 32 || data[i] > 126)
            return 0;
    return 1;
}

static int append_text(Start *self, PyObject *text)
{
    return start_append(self, (const char *)PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text));
}

static int read_length(Start *self, PyObject *value)
{
    const unsigned char *data = PyUnicode_1BYTE_DATA(value);
    Py_ssize_t size = PyUnicode_GET_LENGTH(value);
    if (self->length >= 0 || size == 0 || size > 18)
        return 0;
    self->length = 0;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (data[i] < '0' || data[i] > '9')
            return 0;
        self->length = self->length * 10 + (data[i] - '0');
    }
    return 1;
}

static int take_header(Start *self, PyObject *item)
{
    if (!PyTuple_CheckExact(item) || PyTuple_GET_SIZE(item) != 2)
        return 0;
    PyObject *name = PyTuple_GET_ITEM(item, 0), *value = PyTuple_GET_ITEM(item, 1);
    if (!PyUnicode_CheckExact(name) || !is_plain(value))
        return 0;
    PyObject *lower = PyDict_GetItemWithError(self->path->names, name);
    if (lower == NULL || !PyUnicode_IS_ASCII(name)) /* not seen before: for Python to check, and to remember */
        return 0;
    if (PyUnicode_GET_LENGTH(lower) == 14 && memcmp(PyUnicode_1BYTE_DATA(lower), "content-length", 14) == 0 &&
        !read_length(self, value))
        return 0;
    return append_text(self, name) && start_append(self, ": ", 2) && append_text(self, value) &&
           start_append(self, "\r\n", 2);
}

/* 1 when status and headers are taken, 0 to decline. */
static int take(Start *self, PyObject *status, PyObject *headers)
{
    if (!PyUnicode_CheckExact(status) || PySet_Contains(self->path->statuses, status) != 1 || !is_plain(status))
        return 0;
    const char *code = (const char *)PyUnicode_1BYTE_DATA(status);
    if (memcmp(code, "204", 3) == 0 || memcmp(code, "304", 3) == 0) /* no body, other rules */
        return 0;
    if (!PyList_CheckExact(headers))
        return 0;
    self->head_size = 0;
    self->length = -1;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++)
        if (!take_header(self, PyList_GET_ITEM(headers, i)))
            return 0;
    PyObject *copy = PyList_GetSlice(headers, 0, PyList_GET_SIZE(headers));
    if (copy == NULL)
        return 0;
    Py_XSETREF(self->headers, copy);
    Py_INCREF(status);
    Py_XSETREF(self->status, status);
    return 1;
}

/* Add the Content-Length of a body that is all there: 1, or 0 to decline. */
int start_announce(Start *self, Py_ssize_t length)
{
    char line[64];
    int size = PyOS_snprintf(line, sizeof line, "Content-Length: %zd\r\n", length);
    if (!start_append(self, line, size))
        return 0;
    PyObject *item = Py_BuildValue("(sN)", "Content-Length", PyUnicode_FromFormat("%zd", length));
    int done = item != NULL && PyList_Append(self->headers, item) == 0;
    Py_XDECREF(item);
    if (done)
        self->length = length;
    return done;
}

/* Let a Response take over. */
int start_hand_over(Start *self)
{
    if (self->response != NULL)
        return 0;
    PyObject *length = self->length < 0 ? (Py_INCREF(Py_None), Py_None) : PyLong_FromLongLong(self->length);
    if (length == NULL)
        return -1;
    PyObject *status = self->status ? self->status : Py_None, *headers = self->headers ? self->headers : Py_None;
    if (self->link != NULL)
        self->response = PyObject_CallMethod((PyObject *)self->link, "respond", "OiOON", self->environ, self->head_only,
                                             status, headers, length);
    else /* the request is over, and the application still calls */
        self->response = PyObject_CallFunction(self->path->late_response, "OON", status, headers, length);
    return self->response == NULL ? -1 : 0;
}

static PyObject *start_write(Start *self, PyObject *block)
{
    if (start_hand_over(self) < 0)
        return NULL;
    return PyObject_CallMethod(self->response, "write", "O", block);
}

static PyMethodDef write_method = {"write", (PyCFunction)start_write, METH_O, "Send one block now (PEP 3333)."};

static PyObject *start_call(PyObject *callable, PyObject *const *args, size_t flags, PyObject *names)
{
    Start *self = (Start *)callable;
    Py_ssize_t count = PyVectorcall_NARGS(flags);
    int usual = names == NULL && (count == 2 || (count == 3 && args[2] == Py_None));
    if (usual && self->response == NULL && self->link != NULL && self->status == NULL) {
        if (take(self, args[0], args[1]))
            return PyCFunction_NewEx(&write_method, callable, NULL);
        PyErr_Clear();
        self->length = -1;
    }
    if (start_hand_over(self) < 0)
        return NULL;
    PyObject *start = PyObject_GetAttrString(self->response, "start");
    PyObject *write = start ? PyObject_Vectorcall(start, args, count, names) : NULL;
    Py_XDECREF(start);
    return write;
}

Start *start_new(FastPath *path, Link *link, PyObject *environ, int head_only)
{
    Start *self = path->spare;
    path->spare = NULL;
    if (self == NULL) {
        PyTypeObject *type = path->types->start;
        self = (Start *)type->tp_alloc(type, 0);
        if (self == NULL)
            return NULL;
        self->call = start_call;
    }
    Py_INCREF(path);
    self->path = path;
    Py_INCREF(link);
    self->link = link;
    Py_INCREF(environ);
    self->environ = environ;
    self->length = -1;
    self->head_size = 0;
    self->head_only = head_only;
    return self;
}

static int start_clear(Start *self)
{
    Py_CLEAR(self->link);
    Py_CLEAR(self->environ);
    Py_CLEAR(self->status);
    Py_CLEAR(self->headers);
    Py_CLEAR(self->response);
    Py_CLEAR(self->path);
    return 0;
}

/* The request is over. Gives the reference back; a Start that nobody else holds serves the next request. */
void start_free(Start *self)
{
    FastPath *path = self->path;
    if (Py_REFCNT(self) == 1 && path->spare == NULL) {
        Py_INCREF(path);
        start_clear(self); /* what is freed may run Python code, and another thread may have left a spare meanwhile */
        if (path->spare == NULL)
            path->spare = self;
        else
            Py_DECREF(self);
        Py_DECREF(path);
        return;
    }
    Py_CLEAR(self->link); /* no way back to a connection that may serve the next request */
    Py_CLEAR(self->environ);
    Py_DECREF(self);
}

static PyObject *start_refuse(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return PyErr_Format(PyExc_TypeError, "only a FastPath makes a %s", type->tp_name);
}

static int start_traverse(Start *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->path);
    Py_VISIT(self->link);
    Py_VISIT(self->environ);
    Py_VISIT(self->headers);
    Py_VISIT(self->response);
    return 0;
}

static void start_dealloc(Start *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    start_clear(self);
    PyMem_Free(self->head);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef start_methods[] = {
    {"write", (PyCFunction)start_write, METH_O, "Send one block now (PEP 3333)."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef start_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Start, call), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot start_slots[] = {
    {Py_tp_new, start_refuse},           {Py_tp_call, PyVectorcall_Call}, {Py_tp_dealloc, start_dealloc},
    {Py_tp_traverse, start_traverse},    {Py_tp_clear, start_clear},      {Py_tp_methods, start_methods},
    {Py_tp_members, start_members},      {0, NULL},
};

PyType_Spec start_spec = {
    .name = "gateways.adapters._speedups.Start",
    .basicsize = sizeof(Start),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = start_slots,
};
