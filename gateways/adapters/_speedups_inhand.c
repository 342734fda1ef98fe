/* The requests in hand of this process, written where other processes can read them. The reference, and the one who
   says what the fields mean, is inhand.py. */

#include "_speedups.h"

#define HEADER_SIZE 256
#define RECORD_SIZE 640
#define METHOD_ROOM 16
#define ADDRESS_ROOM 48
#define USER_ROOM 32
#define SCRIPT_ROOM 160
#define URI_ROOM 256

typedef struct {
    int64_t pid, worker, generation, pool;
    double started;
    int64_t unused[3], phase, threads;
    double heartbeat, idle_since;
    int64_t memory, last;
} Header;

typedef struct {
    int64_t number;
    double since, ended;
    int64_t served, sent, length;
    int64_t method_size, address_size, user_size, script_size, uri_size, unused[5];
    char method[METHOD_ROOM], address[ADDRESS_ROOM], user[USER_ROOM], script[SCRIPT_ROOM], uri[URI_ROOM];
} Record;

_Static_assert(sizeof(Header) <= HEADER_SIZE && sizeof(Record) == RECORD_SIZE, "as in inhand.py");

enum { METHOD, ADDRESS, USER, SCRIPT, URI, LENGTH, SCRIPT_NAME, PATH_INFO, QUERY_STRING, KEYS };

static const char *const key_names[KEYS] = {"REQUEST_METHOD",  "REMOTE_ADDR",    "REMOTE_USER",
                                            "SCRIPT_FILENAME", "REQUEST_URI",    "CONTENT_LENGTH",
                                            "SCRIPT_NAME",     "PATH_INFO",      "QUERY_STRING"};

struct InHand {
    Py_buffer area;
    Header *header;
    Record *records;
    int count, free_count, *free; /* a stack of the records that nobody has */
    PyObject *keys[KEYS];
};

InHand *inhand_new(PyObject *area)
{
    InHand *self = PyMem_Calloc(1, sizeof *self);
    if (self == NULL)
        return (InHand *)PyErr_NoMemory();
    if (PyObject_GetBuffer(area, &self->area, PyBUF_WRITABLE) < 0) {
        PyMem_Free(self);
        return NULL;
    }
    self->header = self->area.buf;
    self->records = (Record *)((char *)self->area.buf + HEADER_SIZE);
    self->count = self->area.len < HEADER_SIZE ? 0 : (int)((self->area.len - HEADER_SIZE) / RECORD_SIZE);
    self->free = PyMem_Calloc(self->count + 1, sizeof *self->free);
    if (self->free == NULL || self->count < 1 || (uintptr_t)self->area.buf % sizeof(int64_t) != 0) {
        if (self->free == NULL)
            PyErr_NoMemory();
        else
            PyErr_SetString(PyExc_ValueError, "the area has no room for a record");
        inhand_free(self);
        return NULL;
    }
    while (self->free_count < self->count) {
        self->free[self->free_count] = self->count - 1 - self->free_count;
        self->free_count++;
    }
    for (int i = 0; i < KEYS; i++)
        if ((self->keys[i] = PyUnicode_InternFromString(key_names[i])) == NULL) {
            inhand_free(self);
            return NULL;
        }
    return self;
}

void inhand_free(InHand *self)
{
    if (self == NULL)
        return;
    for (int i = 0; i < KEYS; i++)
        Py_XDECREF(self->keys[i]);
    PyMem_Free(self->free);
    PyBuffer_Release(&self->area);
    PyMem_Free(self);
}

/* Write text at the place, as far as there is room from there on, and return its whole size. */
static Py_ssize_t put(PyObject *text, char *place, Py_ssize_t room)
{
    if (text == NULL || !PyUnicode_Check(text))
        return 0;
    Py_ssize_t size = PyUnicode_GET_LENGTH(text), count = size < room ? size : room;
    if (PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND) {
        if (count > 0)
            memcpy(place, PyUnicode_1BYTE_DATA(text), count);
    } else {
        for (Py_ssize_t i = 0; i < count; i++) {
            Py_UCS4 character = PyUnicode_READ_CHAR(text, i);
            place[i] = character < 256 ? (char)character : '?';
        }
    }
    return size;
}

/* As put, after what is there. */
static Py_ssize_t put_after(Py_ssize_t before, PyObject *text, char *place, Py_ssize_t room)
{
    return before + (before < room ? put(text, place + before, room - before) : put(text, place, 0));
}

static long long read_length(PyObject *text)
{
    long long length = 0;
    if (text == NULL || !PyUnicode_Check(text) || PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND)
        return 0;
    const Py_UCS1 *data = PyUnicode_1BYTE_DATA(text);
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    for (Py_ssize_t i = 0; i < size; i++) {
        if (size > 18 || data[i] < '0' || data[i] > '9')
            return 0;
        length = length * 10 + (data[i] - '0');
    }
    return length;
}

static void write_texts(Record *record, PyObject **values)
{
    record->length = read_length(values[LENGTH]);
    record->method_size = put(values[METHOD], record->method, METHOD_ROOM);
    record->address_size = put(values[ADDRESS], record->address, ADDRESS_ROOM);
    record->user_size = put(values[USER], record->user, USER_ROOM);
    record->script_size = put(values[SCRIPT], record->script, SCRIPT_ROOM);
    Py_ssize_t size = put(values[URI], record->uri, URI_ROOM);
    if (size == 0) {
        size = put(values[SCRIPT_NAME], record->uri, URI_ROOM);
        size = put_after(size, values[PATH_INFO], record->uri, URI_ROOM);
        Py_ssize_t with_query = put_after(size + 1, values[QUERY_STRING], record->uri, URI_ROOM);
        if (with_query > size + 1) {
            if (size < URI_ROOM)
                record->uri[size] = '?';
            size = with_query;
        }
    }
    record->uri_size = size;
}

int inhand_begin(InHand *self, Link *link, PyObject *environ, double now)
{
    PyObject *values[KEYS] = {NULL};
    if (PyDict_Check(environ))
        for (int i = 0; i < KEYS; i++) {
            values[i] = PyDict_GetItemWithError(environ, self->keys[i]);
            if (values[i] == NULL && PyErr_Occurred())
                return -1;
        }
    if (link->record < 0) {
        if (self->free_count == 0)
            return 0;
        link->record = self->free[--self->free_count];
    }
    if (link->record >= self->count) /* of another Board */
        return 0;
    Record *record = &self->records[link->record];
    record->number = 0; /* readers: wait */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    record->since = now;
    record->ended = 0;
    write_texts(record, values);
    __atomic_store_n(&record->number, link->number, __ATOMIC_RELEASE);
    return 0;
}

void inhand_end(InHand *self, Link *link, long long sent)
{
    if (link->record < 0 || link->record >= self->count)
        return;
    Record *record = &self->records[link->record];
    double now = monotonic_now();
    record->served++;
    record->sent += sent;
    record->ended = now;
    self->header->last = link->record;
    self->free[self->free_count++] = link->record;
    link->record = -1;
    if (self->free_count == self->count)
        self->header->idle_since = now;
}
