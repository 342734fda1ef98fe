/* What the leader, the monitor and the fast path share: who serves what (Board), and what there is to know of each
   connection (Link). The reference is _pure.py. */

#include "_speedups.h"
#include <time.h>
#include <unistd.h>

double monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* what time.monotonic() reads */
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int call(PyObject *object, const char *method)
{
    if (object == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "not initialised");
        return -1;
    }
    return finished(method ? PyObject_CallMethod(object, method, NULL) : PyObject_CallObject(object, NULL));
}

/* --- Board: each of these is one step for all other threads, but for the calls into Python ------------------------- */

int board_begin(Board *self, Link *link, PyObject *environ, double now)
{
    link->number = ++self->numbers;
    if (self->in_hand != NULL && inhand_begin(self->in_hand, link, environ, now) < 0)
        return -1;
    if (link->detached)
        return 0;
    self->since = now;
    self->served++;
    Py_INCREF(link);
    Py_XSETREF(self->busy, (PyObject *)link);
    return self->resting ? call(self->wake, NULL) : 0;
}

int board_end(Board *self, Link *link, long long sent)
{
    if (self->in_hand != NULL)
        inhand_end(self->in_hand, link, sent);
    if (link->detached)
        return 0;
    if (self->busy == (PyObject *)link) {
        Py_INCREF(Py_None);
        Py_SETREF(self->busy, Py_None);
        return 0;
    }
    /* The monitor has taken it and is promoting another thread: when that is done, link->detached says so. */
    return call(self->lock, "acquire") < 0 ? -1 : call(self->lock, "release");
}

static Link *as_link(Board *self, PyObject *object)
{
    Types *types = PyType_GetModuleState(Py_TYPE(self));
    if (PyObject_TypeCheck(object, types->link))
        return (Link *)object;
    PyErr_SetString(PyExc_TypeError, "a Link is needed");
    return NULL;
}

static PyObject *board_begin_method(Board *self, PyObject *args)
{
    PyObject *object, *environ = Py_None;
    if (!PyArg_ParseTuple(args, "O|O", &object, &environ))
        return NULL;
    Link *link = as_link(self, object);
    if (link == NULL || board_begin(self, link, environ, monotonic_now()) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *board_end_method(Board *self, PyObject *args)
{
    PyObject *object;
    long long sent = 0;
    if (!PyArg_ParseTuple(args, "O|L", &object, &sent))
        return NULL;
    Link *link = as_link(self, object);
    if (link == NULL || board_end(self, link, sent) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *board_take(Board *self, PyObject *args)
{
    PyObject *link;
    long long served;
    if (!PyArg_ParseTuple(args, "OL", &link, &served))
        return NULL;
    if (self->busy != link || self->served != served)
        Py_RETURN_FALSE;
    self->reign++;
    Py_INCREF(Py_None);
    Py_SETREF(self->busy, Py_None);
    Py_RETURN_TRUE;
}

static int board_init(Board *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"lock", "wake", "area", NULL};
    PyObject *lock, *wake, *area = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|O", keywords, &lock, &wake, &area))
        return -1;
    if (area != Py_None && self->in_hand == NULL && (self->in_hand = inhand_new(area)) == NULL)
        return -1;
    Py_INCREF(lock);
    Py_XSETREF(self->lock, lock);
    Py_INCREF(wake);
    Py_XSETREF(self->wake, wake);
    Py_INCREF(Py_None);
    Py_XSETREF(self->busy, Py_None);
    return 0;
}

static int board_traverse(Board *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->lock);
    Py_VISIT(self->wake);
    Py_VISIT(self->busy);
    return 0;
}

static int board_clear(Board *self)
{
    Py_CLEAR(self->lock);
    Py_CLEAR(self->wake);
    Py_CLEAR(self->busy);
    return 0;
}

static void board_dealloc(Board *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    board_clear(self);
    inhand_free(self->in_hand);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef board_methods[] = {
    {"begin", (PyCFunction)board_begin_method, METH_VARARGS, "See gateways.adapters._pure.Board."},
    {"end", (PyCFunction)board_end_method, METH_VARARGS, "See gateways.adapters._pure.Board."},
    {"take", (PyCFunction)board_take, METH_VARARGS, "See gateways.adapters._pure.Board."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef board_members[] = {
    {"busy", T_OBJECT, offsetof(Board, busy), READONLY, NULL},
    {"served", T_LONGLONG, offsetof(Board, served), READONLY, NULL},
    {"since", T_DOUBLE, offsetof(Board, since), READONLY, NULL},
    {"resting", T_BOOL, offsetof(Board, resting), 0, NULL},
    {"stopping", T_BOOL, offsetof(Board, stopping), 0, NULL},
    {"next_sweep", T_DOUBLE, offsetof(Board, next_sweep), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot board_slots[] = {
    {Py_tp_init, board_init},   {Py_tp_dealloc, board_dealloc}, {Py_tp_traverse, board_traverse},
    {Py_tp_clear, board_clear}, {Py_tp_methods, board_methods}, {Py_tp_members, board_members},
    {0, NULL},
};

PyType_Spec board_spec = {
    .name = "gateways.adapters._speedups.Board",
    .basicsize = sizeof(Board),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = board_slots,
};

/* --- Link ---------------------------------------------------------------------------------------------------------- */

int link_admit(Link *self)
{
    if (self->admitted)
        return 0;
    PyObject *done = PyObject_CallMethod(self->path->server, "admit", "OO", self->path->listener, self);
    Py_XDECREF(done);
    self->admitted = done != NULL;
    return done == NULL ? -1 : 0;
}

static PyObject *link_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Link *self = (Link *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->fd = self->record = -1;
        self->fresh = 1;
        self->admitted = 1; /* it is Python that makes it */
    }
    return (PyObject *)self;
}

static PyObject *link_on_readable(Link *self, PyObject *ignored)
{
    if (self->path == NULL || !self->fresh)
        return PyObject_CallMethod((PyObject *)self, "read", NULL);
    if (path_serve(self->path, self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *link_admit_method(Link *self, PyObject *ignored)
{
    if (link_admit(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int link_traverse(Link *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->path);
    Py_VISIT(self->errors);
    Py_VISIT(self->parts);
    return 0;
}

static int link_clear(Link *self)
{
    Py_CLEAR(self->path);
    Py_CLEAR(self->errors);
    Py_CLEAR(self->parts);
    return 0;
}

static void link_dealloc(Link *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->fd >= 0 && !self->admitted)
        close(self->fd);
    link_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef link_methods[] = {
    {"on_readable", (PyCFunction)link_on_readable, METH_NOARGS, "Read once and serve what is complete."},
    {"admit", (PyCFunction)link_admit_method, METH_NOARGS, "Have the server take the connection in, unless it has."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef link_members[] = {
    {"fd", T_INT, offsetof(Link, fd), 0, NULL},
    {"number", T_LONGLONG, offsetof(Link, number), READONLY, NULL},
    {"record", T_INT, offsetof(Link, record), READONLY, NULL},
    {"deadline", T_DOUBLE, offsetof(Link, deadline), 0, NULL},
    {"watched", T_BOOL, offsetof(Link, watched), 0, NULL},
    {"detached", T_BOOL, offsetof(Link, detached), 0, NULL},
    {"waiting", T_BOOL, offsetof(Link, waiting), 0, NULL},
    {"fresh", T_BOOL, offsetof(Link, fresh), 0, NULL},
    {"ahead", T_BOOL, offsetof(Link, ahead), 0, NULL},
    {"keep", T_BOOL, offsetof(Link, keep), 0, NULL},
    {"errors", T_OBJECT, offsetof(Link, errors), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot link_slots[] = {
    {Py_tp_new, link_new},           {Py_tp_dealloc, link_dealloc}, {Py_tp_traverse, link_traverse},
    {Py_tp_clear, link_clear},       {Py_tp_methods, link_methods}, {Py_tp_members, link_members},
    {0, NULL},
};

PyType_Spec link_spec = {
    .name = "gateways.adapters._speedups.Link",
    .basicsize = sizeof(Link),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = link_slots,
};
