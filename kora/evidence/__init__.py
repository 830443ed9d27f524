"""What a verification leaves in a person's hands: a verdict, a signed certificate, a report."""
