/* The extension module gateways.adapters._speedups: the usual request in C. Optional; _speedups.h says how its parts
   belong together. */

#include "_speedups.h"

static int add(PyObject *module, PyType_Spec *spec, PyTypeObject **place)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL)
        return -1;
    *place = (PyTypeObject *)type;
    Py_INCREF(type);
    if (PyModule_AddObject(module, strrchr(spec->name, '.') + 1, type) < 0) {
        Py_DECREF(type);
        return -1;
    }
    return 0;
}

static int execute(PyObject *module)
{
    Types *types = PyModule_GetState(module);
    if (add(module, &board_spec, &types->board) < 0 || add(module, &environs_spec, &types->environs) < 0 ||
        add(module, &fast_path_spec, &types->fast_path) < 0 || add(module, &link_spec, &types->link) < 0 ||
        add(module, &start_spec, &types->start) < 0 || PyModule_AddIntConstant(module, "INTERFACE", INTERFACE) < 0)
        return -1;
    return 0;
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    Types *types = PyModule_GetState(module);
    Py_VISIT(types->board);
    Py_VISIT(types->environs);
    Py_VISIT(types->fast_path);
    Py_VISIT(types->link);
    Py_VISIT(types->start);
    return 0;
}

static int clear(PyObject *module)
{
    Types *types = PyModule_GetState(module);
    Py_CLEAR(types->board);
    Py_CLEAR(types->environs);
    Py_CLEAR(types->fast_path);
    Py_CLEAR(types->link);
    Py_CLEAR(types->start);
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED}, /* no state but the module's */
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateways.adapters._speedups",
    .m_doc = "The usual request in C.",
    .m_size = sizeof(Types),
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
};

PyMODINIT_FUNC PyInit__speedups(void)
{
    return PyModuleDef_Init(&definition);
}
