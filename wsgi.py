"""What the server and `flask --app wsgi` load: the one application of this process."""

from app import create_app

app = create_app()
