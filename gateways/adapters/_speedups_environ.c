/* CGI variables -> environ, for the usual request. The reference is core/environ.py, EnvironBuilder.build.

   A web server sends the same names in the same order for most requests, and most values are the same, too. So each
   order of names seen (a Shape) keeps the environ it last led to, and the next one is a copy of it in which only the
   values that differ are set. */

#include "_speedups_environ.h"

/* --- one request --------------------------------------------------------------------------------------------------- */

static int is(const Pair *pair, const char *text)
{
    Py_ssize_t size = (Py_ssize_t)strlen(text);
    if (pair == NULL || pair->value_size != size)
        return 0;
    return PyOS_strnicmp(pair->value, text, size) == 0;
}

static int starts_with(const Pair *pair, const char *text)
{
    Py_ssize_t size = (Py_ssize_t)strlen(text);
    return pair != NULL && pair->value_size >= size && memcmp(pair->value, text, size) == 0;
}

static int same(const Pair *a, const Pair *b)
{
    return a->value_size == b->value_size && memcmp(a->value, b->value, a->value_size) == 0;
}

static int all_digits(const Pair *pair)
{
    for (Py_ssize_t i = 0; i < pair->value_size; i++)
        if (pair->value[i] < '0' || pair->value[i] > '9')
            return 0;
    return pair->value_size > 0;
}

/* Find the names of all pairs, and which special ones there are. 0 to decline. */
static int name_all(Environs *self, const Pair *pairs, Py_ssize_t count, int strict, Name **names,
                    const Pair **special)
{
    Shape *guess = self->last;
    int differing = 0;
    self->request++;
    for (Py_ssize_t i = 0; i < count; i++) {
        const Pair *pair = &pairs[i];
        Name *name = guess != NULL && i < guess->count ? guess->names[i]->whole : NULL;
        if (name == NULL || name->size != pair->name_size || memcmp(name->text, pair->name, name->size) != 0)
            name = find_name(self, pair->name, pair->name_size);
        if (name == NULL) {
            if (self->names == MAX_NAMES)
                forget_names(self);
            return 0;
        }
        if (name->flags & UNUSUAL)
            return 0;
        names[i] = name;
        if (name->seen == self->request) { /* of two the last counts: nginx "include fastcgi_params", and own lines */
            if (name->header || (name->flags & ABSENT_WHEN_EMPTY) || name->kind == SCGI)
                return 0;
            names[name->at] = name->left_out;
            differing |= !same(&pairs[name->at], pair);
        }
        name->seen = self->request;
        name->at = i;
        if ((name->flags & ABSENT_WHEN_EMPTY) && pair->value_size == 0)
            names[i] = name->left_out;
        else if (name->kind != ORDINARY)
            special[name->kind] = pair;
    }
    return !(differing && strict);
}

/* Whether the request is one of those whose variables may stand as they are. */
static int is_usual(const Pair **special, Built *built)
{
    const Pair *name = special[SERVER_NAME], *port = special[SERVER_PORT], *length = special[CONTENT_LENGTH];
    if (special[REQUEST_METHOD] == NULL || special[REQUEST_METHOD]->value_size == 0)
        return 0;
    if (special[SERVER_PROTOCOL] == NULL || special[SERVER_PROTOCOL]->value_size == 0)
        return 0;
    if (name != NULL && memchr(name->value, ':', name->value_size))
        return 0;
    if (port == NULL || !all_digits(port))
        return 0;
    if ((special[REMOTE_USER] != NULL || special[AUTH_TYPE] != NULL) && starts_with(special[SERVER_SOFTWARE], "HAProxy"))
        return 0;
    if (special[HTTP_AUTHORIZATION] == NULL && special[REDIRECT_HTTP_AUTHORIZATION] != NULL)
        return 0;
    built->length = -1;
    if (length != NULL) {
        if (!all_digits(length) || length->value_size > 18 || (length->value_size > 1 && *length->value == '0'))
            return 0;
        built->length = 0;
        for (Py_ssize_t i = 0; i < length->value_size; i++)
            built->length = built->length * 10 + (length->value[i] - '0');
    }
    built->head_only = special[REQUEST_METHOD]->value_size == 4 && starts_with(special[REQUEST_METHOD], "HEAD");
    return 1;
}

void clear_shape(Shape *shape)
{
    for (Py_ssize_t i = 0; i < shape->count; i++)
        Py_CLEAR(shape->values[i]);
    PyMem_Free(shape->names);
    PyMem_Free(shape->values);
    Py_CLEAR(shape->environ);
    memset(shape, 0, sizeof *shape);
}

static Shape *find_shape(Environs *self, Name **names, Py_ssize_t count)
{
    size_t size = count * sizeof *names;
    if (self->last != NULL && self->last->count == count && memcmp(self->last->names, names, size) == 0)
        return self->last;
    uint64_t hash = 0;
    for (Py_ssize_t i = 0; i < count; i++)
        hash = (hash ^ (uintptr_t)names[i]) * 1099511628211u;
    Shape *shape = self->last = &self->shapes[(hash >> 32) % SHAPES];
    if (shape->count == count && memcmp(shape->names, names, size) == 0)
        return shape;
    self->last = NULL;
    clear_shape(shape);
    shape->names = PyMem_Malloc(size);
    shape->values = PyMem_Calloc(count, sizeof *shape->values);
    shape->environ = PyDict_Copy(self->base);
    if (shape->names == NULL || shape->values == NULL || shape->environ == NULL)
        goto fail;
    memcpy(shape->names, names, size);
    shape->count = count;
    for (Py_ssize_t i = 0; i < count; i++)
        if (names[i]->key != NULL && PyDict_SetItem(shape->environ, names[i]->key, Py_None) < 0)
            goto fail;
    return self->last = shape;
fail:
    clear_shape(shape);
    return NULL;
}

/* Set the values that the template does not have. 0 to decline. */
static int set_values(Shape *shape, const Pair *pairs, PyObject *environ)
{
    for (Py_ssize_t i = 0; i < shape->count; i++) {
        const Pair *pair = &pairs[i];
        Name *name = shape->names[i];
        PyObject *value = shape->values[i];
        if (value != NULL && PyUnicode_GET_LENGTH(value) == pair->value_size &&
            memcmp(PyUnicode_1BYTE_DATA(value), pair->value, pair->value_size) == 0)
            continue;
        if (memchr(pair->value, '\0', pair->value_size) != NULL)
            return 0;
        if (name->key == NULL)
            continue;
        value = PyUnicode_DecodeLatin1(pair->value, pair->value_size, NULL);
        if (value == NULL || PyDict_SetItem(environ, name->key, value) < 0) {
            Py_XDECREF(value);
            return 0;
        }
        if ((name->flags & SECRET) || pair->value_size > MAX_KEPT_VALUE ||
            PyDict_SetItem(shape->environ, name->key, value) < 0)
            Py_DECREF(value);
        else
            Py_XSETREF(shape->values[i], value);
    }
    return 1;
}

/* Set a key to text, which is often the text of the last time. */
static int set_text(PyObject *environ, PyObject *key, PyObject **last, const char *text, Py_ssize_t size)
{
    if (*last == NULL || PyUnicode_GET_LENGTH(*last) != size || memcmp(PyUnicode_1BYTE_DATA(*last), text, size) != 0) {
        PyObject *value = PyUnicode_DecodeLatin1(text, size, NULL);
        if (value == NULL)
            return 0;
        Py_XSETREF(*last, value);
    }
    return PyDict_SetItem(environ, key, *last) == 0;
}

static int set_raw(PyObject *environ, PyObject *key, const Pair *pair)
{
    if (pair == NULL)
        return PyDict_DelItem(environ, key) == 0;
    PyObject *value = PyUnicode_DecodeLatin1(pair->value, pair->value_size, NULL);
    int done = value != NULL && PyDict_SetItem(environ, key, value) == 0;
    Py_XDECREF(value);
    return done;
}

/* Let core.paths decide, which wants to see what came. 0 to decline. */
static int repair_path(Environs *self, const Pair **special, PyObject *environ)
{
    if (!set_raw(environ, self->script_name, special[SCRIPT_NAME]) ||
        !set_raw(environ, self->path_info, special[PATH_INFO]))
        return 0;
    PyObject *found = PyObject_CallFunctionObjArgs(self->repair, environ, self->mount, NULL);
    int done = found != NULL && PyTuple_CheckExact(found) && PyTuple_GET_SIZE(found) == 2;
    for (int i = 0; done && i < 2; i++) {
        PyObject *part = PyTuple_GET_ITEM(found, i); /* %00 in REQUEST_URI is for Python to refuse */
        done = PyUnicode_Check(part) && PyUnicode_FindChar(part, 0, 0, PyUnicode_GET_LENGTH(part), 1) == -1 &&
               PyDict_SetItem(environ, i ? self->path_info : self->script_name, part) == 0;
    }
    Py_XDECREF(found);
    return done;
}

static int set_path(Environs *self, const Pair **special, PyObject *environ)
{
    static const Pair nothing = {"", "", 0, 0};
    const Pair *script = special[SCRIPT_NAME] ? special[SCRIPT_NAME] : &nothing;
    const Pair *path = special[PATH_INFO] ? special[PATH_INFO] : &nothing;
    Pair asked = special[REQUEST_URI] ? *special[REQUEST_URI] : nothing;
    const char *mark = memchr(asked.value, '?', asked.value_size);
    Pair query = nothing;
    if (mark != NULL) {
        query.value = mark + 1;
        query.value_size = asked.value + asked.value_size - query.value;
        asked.value_size = mark - asked.value;
    }
    if (special[QUERY_STRING] == NULL && !set_raw(environ, self->query_string, &query))
        return 0;
    int stands = path->value_size > 0 && path->value[0] == '/' &&
                 asked.value_size == script->value_size + path->value_size && asked.value[0] == '/' &&
                 memcmp(asked.value, script->value, script->value_size) == 0 &&
                 memcmp(asked.value + script->value_size, path->value, path->value_size) == 0 &&
                 memchr(asked.value, '%', asked.value_size) == NULL &&
                 !(script->value_size > 0 && script->value[script->value_size - 1] == '/');
    if (stands && self->mount != Py_None)
        stands = PyUnicode_IS_ASCII(self->mount) && PyUnicode_GET_LENGTH(self->mount) == script->value_size &&
                 memcmp(PyUnicode_1BYTE_DATA(self->mount), script->value, script->value_size) == 0;
    const Pair *here = special[DOCUMENT_URI];
    if (!stands && self->mount == Py_None && special[PATH_INFO] == NULL && here != NULL && here->value_size > 0 &&
        here->value[0] == '/' && same(here, script) && starts_with(special[SERVER_SOFTWARE], "nginx")) {
        script = &nothing; /* the shipped fastcgi_params, in which SCRIPT_NAME is the whole path */
        path = here;
        stands = 1;
    }
    if (!stands)
        return repair_path(self, special, environ);
    return set_text(environ, self->script_name, &self->script, script->value, script->value_size) &&
           set_text(environ, self->path_info, &self->path, path->value, path->value_size);
}

/* nginx without server_name sends an empty one: then the client's Host is as good a name as any. 0 to decline. */
static int set_server_name(Environs *self, const Pair **special, PyObject *environ)
{
    if (special[SERVER_NAME] != NULL && special[SERVER_NAME]->value_size > 0)
        return 1;
    Pair host = {"", "localhost", 0, 9};
    if (special[HTTP_HOST] != NULL) {
        host = *special[HTTP_HOST];
        const char *colon = memchr(host.value, ':', host.value_size);
        if (memchr(host.value, '[', host.value_size) || colon == host.value)
            return 0;
        Py_ssize_t size = colon ? colon - host.value : host.value_size;
        if (colon && memchr(colon + 1, ':', host.value + host.value_size - colon - 1))
            return 0;
        host.value_size = size;
    }
    return set_text(environ, self->server_name, &self->server, host.value, host.value_size);
}

static int set_scheme(Environs *self, const Pair **special, PyObject *environ)
{
    const Pair *secure = special[HTTPS] ? special[HTTPS] : special[REQUEST_SCHEME];
    int https = is(secure, "on") || is(secure, "1") || is(secure, "https");
    return PyDict_SetItem(environ, self->url_scheme, https ? self->https : self->http) == 0;
}

int environs_build(Environs *self, const Pair *pairs, Py_ssize_t count, int strict, Built *built)
{
    Name *names[MAX_PAIRS];
    const Pair *special[KINDS] = {NULL};
    if (count <= 0 || self->declines || self->in_use)
        return 0;
    self->in_use = 1;
    PyObject *environ = NULL;
    if (name_all(self, pairs, count, strict, names, special) && is_usual(special, built)) {
        Shape *shape = find_shape(self, names, count);
        environ = shape ? PyDict_Copy(shape->environ) : NULL;
        if (environ != NULL && !(set_values(shape, pairs, environ) && set_path(self, special, environ) &&
                                 set_server_name(self, special, environ) && set_scheme(self, special, environ)))
            Py_CLEAR(environ);
    }
    self->in_use = 0;
    PyErr_Clear();
    built->environ = environ;
    return environ != NULL;
}

/* --- the type ------------------------------------------------------------------------------------------------------ */

static int environs_init(Environs *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"base", "fixed", "names", "repair", "mount", NULL};
    PyObject *base, *fixed, *lookup, *repair, *mount;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!OOO", keywords, &PyDict_Type, &base, &PyDict_Type, &fixed,
                                     &lookup, &repair, &mount))
        return -1;
    if ((mount != Py_None && !PyUnicode_Check(mount)) || self->base != NULL) {
        PyErr_SetString(PyExc_TypeError, self->base ? "already initialised" : "mount must be str or None");
        return -1;
    }
    Py_INCREF(lookup), Py_INCREF(repair), Py_INCREF(mount);
    self->lookup = lookup;
    self->repair = repair;
    self->mount = mount;
    self->base = PyDict_Copy(base);
    self->fixed = PyDict_Copy(fixed);
    self->script_name = PyUnicode_InternFromString("SCRIPT_NAME");
    self->path_info = PyUnicode_InternFromString("PATH_INFO");
    self->server_name = PyUnicode_InternFromString("SERVER_NAME");
    self->query_string = PyUnicode_InternFromString("QUERY_STRING");
    self->url_scheme = PyUnicode_InternFromString("wsgi.url_scheme");
    self->http = PyUnicode_InternFromString("http");
    self->https = PyUnicode_InternFromString("https");
    if (!self->base || !self->fixed || !self->script_name || !self->path_info || !self->server_name ||
        !self->query_string || !self->url_scheme || !self->http || !self->https)
        return -1;
    PyObject *derived[] = {self->script_name, self->path_info, self->url_scheme};
    for (int i = 0; i < 3; i++)
        if (PyDict_SetItem(self->base, derived[i], self->http) < 0)
            return -1;
    self->declines = deployer_sets_what_is_looked_at(self->fixed);
    return PyDict_Update(self->base, self->fixed);
}

static PyObject *build_block(Environs *self, PyObject *arg, Py_ssize_t (*split)(const char *, Py_ssize_t, Pair *),
                             int strict)
{
    char *block;
    Py_ssize_t size;
    Pair pairs[MAX_PAIRS];
    Built built;
    if (PyBytes_AsStringAndSize(arg, &block, &size) < 0)
        return NULL;
    if (environs_build(self, pairs, split(block, size, pairs), strict, &built))
        return built.environ;
    Py_RETURN_NONE;
}

static PyObject *environs_fastcgi(Environs *self, PyObject *block)
{
    return build_block(self, block, split_fastcgi, 0);
}

static PyObject *environs_scgi(Environs *self, PyObject *block)
{
    return build_block(self, block, split_scgi, 1);
}

static PyObject *environs_uwsgi(Environs *self, PyObject *block)
{
    return build_block(self, block, split_uwsgi, 1);
}

static int environs_traverse(Environs *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->base);
    Py_VISIT(self->fixed);
    Py_VISIT(self->lookup);
    Py_VISIT(self->repair);
    for (int i = 0; i < SHAPES; i++)
        Py_VISIT(self->shapes[i].environ);
    return 0;
}

static int environs_clear(Environs *self)
{
    forget_names(self);
    Py_CLEAR(self->base);
    Py_CLEAR(self->fixed);
    Py_CLEAR(self->lookup);
    Py_CLEAR(self->repair);
    return 0;
}

static void environs_dealloc(Environs *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    environs_clear(self);
    PyObject *texts[] = {self->mount, self->script_name, self->path_info, self->server_name, self->query_string,
                         self->http,  self->https,       self->script,    self->path,        self->server,
                         self->url_scheme};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        Py_XDECREF(texts[i]);
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(environs_doc, "Environs(base, fixed, names, repair, mount)\n--\n\n"
                           "Makes the environ of a usual request from its header block. ``fixed`` wins over the wire,\n"
                           "``base`` does not; the others are those of core.environ.EnvironBuilder.");
PyDoc_STRVAR(fastcgi_doc, "fastcgi(block)\n--\n\nReturn an environ, or None where Python has to look.");
PyDoc_STRVAR(scgi_doc, "scgi(block)\n--\n\nReturn an environ, or None where Python has to look.");
PyDoc_STRVAR(uwsgi_doc, "uwsgi(block)\n--\n\nReturn an environ, or None where Python has to look.");

static PyMethodDef environs_methods[] = {
    {"fastcgi", (PyCFunction)environs_fastcgi, METH_O, fastcgi_doc},
    {"scgi", (PyCFunction)environs_scgi, METH_O, scgi_doc},
    {"uwsgi", (PyCFunction)environs_uwsgi, METH_O, uwsgi_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot environs_slots[] = {
    {Py_tp_doc, (void *)environs_doc},     {Py_tp_init, environs_init},       {Py_tp_dealloc, environs_dealloc},
    {Py_tp_traverse, environs_traverse},   {Py_tp_clear, environs_clear},     {Py_tp_methods, environs_methods},
    {0, NULL},
};

PyType_Spec environs_spec = {
    .name = "gateways.adapters._speedups.Environs",
    .basicsize = sizeof(Environs),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = environs_slots,
};
