"""The one face to the outside: everything that Pushboard knows of Salesforce goes through here."""
