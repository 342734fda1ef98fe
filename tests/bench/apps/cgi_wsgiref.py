"""The same script with what the standard library has."""

from wsgiref.handlers import CGIHandler

from flask_hello import application

CGIHandler().run(application)
